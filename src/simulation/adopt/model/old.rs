//! What started a server before it is adopted.

use crate::topology::Address;

/// What started a server before.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::struct_excessive_bools)] // each is a fact of its own
pub struct Old {
    /// A unit does.
    pub unit: bool,
    pub runs: bool,
    pub enabled: bool,
    /// systemd does not start it again by itself.
    pub held: bool,
    /// Writes in its directory.
    pub saved: u64,
    /// The role in its file.
    pub role: Option<Address>,
    /// It has run since its data was copied.
    pub touched: bool,
}

impl Old {
    /// It runs, with this role in its file.
    pub fn running(unit: bool, role: Option<Address>) -> Self {
        Self {
            unit,
            runs: true,
            enabled: unit,
            held: false,
            saved: 0,
            role,
            touched: false,
        }
    }
}
