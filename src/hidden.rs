//! Characters that show nothing, or that change how those beside them are read. Pure.

/// Whether a character shows nothing, or changes the order or the shape of those beside it:
/// Unicode's format characters and what is to be ignored where it cannot be shown (`Cf` and
/// `Default_Ignorable_Code_Point` of Unicode 16).
pub fn hides(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
        | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}'
        | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_or_reorders_is_known_and_writing_is_not_touched() {
        let hidden = "\u{ad}\u{61c}\u{180e}\u{200b}\u{202e}\u{2066}\u{feff}\u{fff9}\u{fffb}\u{e0001}\u{e007f}\u{3164}\u{fe0f}";
        assert!(hidden.chars().all(hides));
        let shown = "aé数据库 \u{3000}-_ـशкаカ🙂\u{0301}";
        assert!(!shown.chars().any(hides));
    }
}
