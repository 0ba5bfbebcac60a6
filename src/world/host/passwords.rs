//! Reads the lines of a configuration file that hold passwords, as the user who may act on that
//! file. These lines are a secret: no log and no error contains them.

use super::Shell;
use super::owner::on_file;
use secrecy::zeroize::Zeroizing;

/// Prints the lines, and nothing where there is no file. The script exits with 0 whatever awk
/// finds. So replctl never takes a printed line for the reason of a failure.
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

/// The lines with passwords of the file at `path`, whose server runs as `user`. `None`: there is no
/// file. The error is one sentence.
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
