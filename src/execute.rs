//! Runs a plan step by step: journal line, action, journal line; undoes, goes on or stops as each stage's mode says.
//!
//! It knows neither servers nor hosts: those are behind [`Act`]. It prints nothing: progress goes to a [`Watch`].

use crate::journal::{At, Entry, Journal};
use crate::plan::{Action, Mode, Plan, Stage, Step, Undo};
use crate::topology::{NodeName, Topology};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::io;
use std::sync::Mutex;
use std::time::Instant;
