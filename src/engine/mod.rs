//! The machinery that all operations share: what an operation is, its plan, and how that is asked
//! for, claimed, executed, journalled, resumed and put back.
//!
//! It knows operations only by their data.

pub mod ask;
pub mod backup_folder;
pub mod claim;
pub mod context;
pub mod execute;
pub mod hooks;
pub mod info_period;
pub mod interrupt;
pub mod inventory_edit;
pub mod journal;
pub mod known;
pub mod new_file;
pub mod one_address;
pub mod operate;
pub mod operation;
pub mod operation_id;
pub mod pending_demotions;
pub mod permissions;
pub mod plan;
pub mod refusal;
pub mod run_facts;
pub mod run_through;
pub mod undoing;
pub mod warning;

pub use operation::*;
pub use plan::{Mode, Plan, Stage, Step, Undo};
pub use refusal::{Ground, Refusal};
pub use warning::Warning;
