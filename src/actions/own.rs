//! Whether the node's own server may be stopped on the way back from an adoption. Pure.

/// What the server that answers on the node's port says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answers {
    /// Its process; `None`: it does not say.
    pub process: Option<u32>,
    /// Its role.
    pub role: ReportedRole,
}

/// The role that a server reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportedRole {
    /// A primary.
    Primary {
        /// It refuses writes.
        refuses: bool,
    },
    /// A replica of this address.
    Replica(String),
    /// It has not loaded its data yet, so it has accepted no write.
    Loading,
    /// Nothing that is understood.
    Unknown,
}

/// Judges what may be stopped. `works`: the process that works in the node's own directory.
/// `answers`: the server on the node's port, which may be the former one.
///
/// `Ok` is the process that has confirmed that it may be stopped. `None`: no server has. Then the
/// host stops no process, and judges by the files.
///
/// # Errors
/// The reason why it is not stopped.
pub fn may_stop(
    works: Option<u32>,
    answers: Option<&Answers>,
    fenced: bool,
) -> Result<Option<u32>, String> {
    let Some((pid, answers)) = works.zip(answers) else {
        return Ok(None);
    };
    if answers.process != Some(pid) {
        return Ok(None);
    }
    let why = match &answers.role {
        ReportedRole::Loading => return Ok(Some(pid)),
        ReportedRole::Primary { refuses: true } if fenced => return Ok(Some(pid)),
        ReportedRole::Replica(_) if !fenced => return Ok(Some(pid)),
        ReportedRole::Primary { .. } => {
            "it is a primary and accepts writes that no other node may have: it was not stopped"
                .to_owned()
        }
        ReportedRole::Replica(upstream) => {
            format!("it now follows {upstream}, which the plan did not expect: it was not stopped")
        }
        ReportedRole::Unknown => "its role is unknown, so it was not stopped".to_owned(),
    };
    Err(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(process: u32, role: ReportedRole) -> Answers {
        Answers {
            process: Some(process),
            role,
        }
    }

    #[test]
    fn a_server_that_may_have_taken_writes_is_not_stopped() {
        let judged =
            |role: ReportedRole, fenced| may_stop(Some(8), Some(&answers(8, role)), fenced);
        let replica = || ReportedRole::Replica("10.0.0.1:6379".to_owned());
        let primary = |refuses| ReportedRole::Primary { refuses };
        assert_eq!(judged(replica(), false), Ok(Some(8)));
        // Somebody has promoted it.
        assert!(judged(primary(false), false).is_err());
        assert!(judged(primary(true), false).is_err());
        // The primary was alone.
        assert_eq!(judged(primary(true), true), Ok(Some(8)));
        assert!(judged(primary(false), true).is_err());
        assert!(judged(replica(), true).is_err());
        assert!(judged(ReportedRole::Unknown, true).is_err());
        assert_eq!(judged(ReportedRole::Loading, true), Ok(Some(8)));
    }

    #[test]
    fn only_the_role_of_the_nodes_own_server_counts() {
        // The former server was started again, and takes writes.
        let former = answers(7, ReportedRole::Primary { refuses: false });
        assert_eq!(may_stop(None, Some(&former), false), Ok(None));
        // Another process works in the node's own directory and does not answer.
        assert_eq!(may_stop(Some(8), Some(&former), false), Ok(None));
        assert_eq!(may_stop(Some(8), None, true), Ok(None));
        assert_eq!(may_stop(None, None, true), Ok(None));
    }
}
