//! The lines of a configuration file that hold passwords, read as whoever may act on it. What is
//! read is a secret: it goes to no log, and no error repeats it.

use super::Shell;
use super::owner::on_file;
use secrecy::zeroize::Zeroizing;

/// The lines; nothing where there is no file. It ends well whatever awk finds, so that what it
/// printed is never taken for a reason.
const READ: &str = r#"[ -e "$p" ] || [ -L "$p" ] || exit 0
plain "$p"
[ -r "$p" ] || no "$p cannot be read by the user who acts there"
echo found
awk '
  tolower($0) ~ /^[ \t\r\v\f]*["\047]?(requirepass|masterauth|primaryauth|masteruser|primaryuser|aclfile|user)["\047]?[ \t\r\v\f]/ {
    if ((n += length($0) + 1) > 65536) exit
    print
  }' "$p"
exit 0"#;

/// Those of the file at `path`, whose server runs as `user`; `None`: there is no file. The error is
/// one sentence.
pub async fn passwords(
    shell: &impl Shell,
    path: &str,
    user: &str,
) -> Result<Option<Zeroizing<String>>, String> {
    let said = Zeroizing::new(on_file(shell, READ, path, user, &[], Vec::new()).await?);
    match said.split_once('\n') {
        Some(("found", lines)) => Ok(Some(Zeroizing::new(lines.to_owned()))),
        None if said.is_empty() => Ok(None),
        Some(_) | None => Err("its host gave no answer that can be read".to_owned()),
    }
}
