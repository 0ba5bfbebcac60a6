//! What a running server tells of its users, its modules and its commands: what no file may have,
//! and a restart would lose. Pure data.

/// The answers of one server. An error is the reason why something is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Users of its access list that are in no file.
    pub strays: Result<Vec<String>, String>,
    /// How its default user differs from one that may do everything with the password of its file.
    pub limits: Result<Vec<String>, String>,
    /// Its modules that were loaded from files; `None`: it has no command that lists them.
    pub modules: Result<Option<Vec<Module>>, String>,
    /// Usual commands, and those that its file renames, that it does not know. Lower case.
    pub missing: Result<Vec<String>, String>,
}

/// A module that runs in a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Module {
    /// Its name.
    pub name: String,
    /// Its file; `None`: the server does not tell it, as before 7.0.
    pub path: Option<String>,
}

impl Access {
    /// A server that was not asked.
    pub fn unseen(why: &str) -> Self {
        Self {
            strays: Err(why.to_owned()),
            limits: Err(why.to_owned()),
            modules: Err(why.to_owned()),
            missing: Err(why.to_owned()),
        }
    }

    /// A server with nothing that a restart would lose.
    #[cfg(test)]
    pub fn plain() -> Self {
        Self {
            strays: Ok(Vec::new()),
            limits: Ok(Vec::new()),
            modules: Ok(Some(Vec::new())),
            missing: Ok(Vec::new()),
        }
    }
}
