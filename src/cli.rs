//! The command line. These doc comments are the help, the man pages and the completions.

pub mod candidates;
mod colour;
pub mod examples;
pub mod help;
mod ignore;
pub mod line;
mod named;
mod others;
pub mod words;

use crate::operations::abandon::args::Abandon;
use crate::operations::add::args::Add;
use crate::operations::clients::args::Clients;
use crate::operations::completions::args::Completions;
use crate::operations::detach::args::Detach;
use crate::operations::endpoint::args::Endpoint;
use crate::operations::explain::args::Explain;
use crate::operations::fence_guard::args::FenceGuard;
use crate::operations::history::args::History;
use crate::operations::init::args::Init;
use crate::operations::lost::args::Lost;
use crate::operations::man::args::Man;
use crate::operations::moves::args::Move;
use crate::operations::promote::args::Promote;
use crate::operations::rejoin::args::Rejoin;
use crate::operations::remove::args::Remove;
use crate::operations::repair::args::Repair;
use crate::operations::report::args::Report;
use crate::operations::resume::args::Resume;
use crate::operations::sentinel::args::Sentinel;
use crate::operations::server::args::Server;
use crate::operations::setup::args::Setup;
use crate::operations::status::args::Status;
use crate::operations::undo::args::Undo;
use crate::output::paint::HELP;
use clap::{Args, Parser, Subcommand};
pub use colour::Colour;
use help::{example_help, main_help};
pub use ignore::{Ignore, IgnoreRole};
pub use others::Others;
use std::path::PathBuf;

/// Set up, look at and hand over Redis and Valkey replication deployments.
///
/// From an inventory of hosts reached by SSH, replctl sets up one primary with its replicas, shows
/// replication as it really is, and changes the primary without losing an acknowledged write. It
/// looks first, shows the plan, proves the result, and leaves a journal it can resume from.
#[derive(Debug, Parser)]
#[command(name = "replctl", version, propagate_version = true, max_term_width = 100, styles = HELP, after_help = main_help())]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Options every command takes.
    #[command(flatten)]
    pub global: Global,
}

/// Options every command takes.
#[derive(Debug, Clone, Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of the command line
pub struct Global {
    /// The inventory file [default: ./inventory.toml, then replctl/inventory.toml in the
    /// configuration folder]
    #[arg(short, long, global = true, value_name = "FILE", env = "REPLCTL_INVENTORY", hide_env_values = true, value_hint = clap::ValueHint::FilePath)]
    pub inventory: Option<PathBuf>,
    /// Accept the key of a host that is not in `known_hosts` yet and add it there, without asking
    #[arg(long, global = true)]
    pub accept_new_host_keys: bool,
    /// How many hosts are worked on at once
    #[arg(long, global = true, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub concurrency: u16,
    /// Say more: each step with what was seen
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Say nothing on stderr but errors and questions
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Print one JSON document on stdout, with its error in it
    #[arg(long, global = true)]
    pub json: bool,
    /// When to print in colour: auto, always or never. auto is on a terminal, unless `NO_COLOR` is
    /// set, and wherever `CLICOLOR_FORCE` is
    #[arg(long, global = true, value_enum, value_name = "WHEN", hide_possible_values = true, default_value_t = Colour::Auto)]
    pub color: Colour,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write an inventory from the nodes given, or by asking
    ///
    /// Writes the inventory, and a generated password into a file of mode 0600 beside it. It
    /// contacts no host and overwrites nothing.
    #[command(after_help = example_help("init"))]
    Init(Init),
    /// Take bare hosts to a running, verified deployment
    ///
    /// Looks at every host, shows what is missing, and asks. Then, hosts side by side: the server
    /// program, its user, directories, configuration and service; then the replication, proved by a
    /// write that is read on every replica. Run again, it does what is missing and nothing else. It
    /// never re-wires a deployment that runs: after a promotion the live roles win. A node that
    /// holds keys of its own is refused, unless --discard-data names it.
    #[command(visible_alias = "deploy", after_help = example_help("setup"))]
    Setup(Setup),
    /// Show replication as it is, and what is wrong with it
    ///
    /// One look at every node at once, each for a bounded time: a node that does not answer is a
    /// line with its reason. Changes nothing. Below the tree stands what is wrong, with commands to
    /// paste. The exit status is 0 if nothing needs doing, else 4.
    #[command(after_help = example_help("status"))]
    Status(Status),
    /// Say what a finding of `status` means, and what to do
    ///
    /// Each finding has a code: `status -v` and `status --json` show it. For a code: what is so and
    /// what it leads to, how it comes to it, and the way out. Without one, all findings there are.
    /// Contacts no host and needs no inventory.
    #[command(after_help = example_help("explain"))]
    Explain(Explain),
    /// Print where the primary is now, for programs
    ///
    /// One look at every node, each for a bounded time, by the roles they have and not by what the
    /// inventory wishes. The address is the one that clients use: `announce` in the inventory,
    /// where it is there. Printed is one healthy primary or nothing: where there is none, more than
    /// one, or one that leaves a doubt, an error names what was seen and the exit status is 4. No
    /// form holds a password.
    #[command(after_help = example_help("endpoint"))]
    Endpoint(Endpoint),
    /// Show who uses the servers
    ///
    /// The clients that each server lists, grouped by host, name and library; replicas, Sentinels
    /// and replctl are not counted. A server tells of each client its last command only: `yes` is a
    /// command that writes, `maybe` a script, a transaction or one that the server does not know,
    /// and `not seen` does not mean that it never writes. Changes nothing. The exit status is 4
    /// where a node could not be asked.
    #[command(after_help = example_help("clients"))]
    Clients(Clients),
    /// Make NODE the primary, without losing an acknowledged write
    ///
    /// Without NODE it shows the candidates, each with what speaks for it or stands against it, and
    /// asks; without a terminal it names the command to give. While the primary answers, its writes
    /// are paused for a few milliseconds, NODE is seen to have every one of them, and only then do
    /// they change roles; if that cannot be proved, the promotion is put back. Where the primary is
    /// lost, it is stopped first if its host answers, NODE is refused if another replica has more,
    /// and what may be lost is said before anything is done. Where Sentinels watch, it goes through
    /// them and never beside them. Ends with the proof: offsets, how long writes stood still, how
    /// each node re-attached. Commands of your own run before and after it, where the inventory has
    /// `[hooks]`: see replctl(1).
    #[command(after_help = example_help("promote"))]
    Promote(Promote),
    /// Let NODE replicate from another node
    ///
    /// For chains: a replica goes under another replica, or back under the primary, and the nodes
    /// under it go with it. What it will cost is said before: a partial resync, or all data again.
    /// Refused are circles, upstreams that are not in sync, and whatever would replace keys that
    /// are nowhere else, unless --discard-data names NODE. If NODE does not get in sync, it is put
    /// back where it was. Ends when it is in sync and its file says so.
    #[command(name = "move", after_help = example_help("move"))]
    Move(Move),
    /// Let NODE stand alone, as a writable primary of its own
    ///
    /// For a copy to work on. Nothing is written to its old deployment by it and nothing arrives
    /// from there any more. That it was detached is remembered: status says so, promote and setup
    /// leave it alone, and `replctl move NODE --under PRIMARY --discard-data NODE` brings it back.
    /// Refused for the primary, for a node that others have their data from, and where Sentinels
    /// watch, who would attach it again.
    #[command(after_help = example_help("detach"))]
    Detach(Detach),
    /// Take a new node into the inventory and into the deployment
    ///
    /// Writes a table for it into the inventory, where all else stays as it is, and sets that node
    /// alone up as `replctl setup` does: the server program, its user, directories, configuration
    /// and service; then the replication, proved by a write that is read on it. If anything fails,
    /// all of it is put back, the inventory too; a file that somebody has changed meanwhile is left
    /// alone. One that runs and replicates already is only written down.
    #[command(after_help = example_help("add"))]
    Add(Add),
    /// Let NODE leave for good
    ///
    /// Its server is stopped, nothing starts it again, the primary is seen to list it no more, the
    /// Sentinels that watch are made to forget it, and its table is taken out of the inventory. Its
    /// files stay, unless --purge is given. Refused for the primary and for a node that others have
    /// their data from. One whose host is dead can leave; what could not be done there is said.
    #[command(after_help = example_help("remove"))]
    Remove(Remove),
    /// List the commands that only NODE has, an old primary that came back
    ///
    /// Reads NODE's replication stream from where the two parted, as a replica would, and changes
    /// nothing unless --replay is given. Each command is told with what stands against replaying
    /// it: nothing, where its keys were not written on the new primary since; otherwise it is a
    /// conflict. It works while NODE runs on, follows nobody yet, and its backlog reaches back far
    /// enough; later, --backup reads them from what `rejoin` has kept. With --replay those that are
    /// safe are done again on the new primary, after a plan and a question: each once, also where
    /// it is run again, and none whose keys a client writes meanwhile.
    #[command(after_help = example_help("lost"))]
    Lost(Lost),
    /// Bring NODE, an old primary, back under the present one
    ///
    /// What was the primary and came back has writes of its own, and goes on taking them. It takes
    /// no more from now on; what only it has is counted; all it has is backed up into a dated
    /// folder on this machine, with a manifest: a dump that is checked, and the commands that can
    /// be replayed. Then it becomes a replica, in one step that is put back if anything was written
    /// that is not in the backup, and is seen in sync. Where it has nothing of its own no backup is
    /// made. One that is stopped gets its new role into its file before it is started. Nothing is
    /// discarded without a backup, unless --discard-data names NODE.
    #[command(after_help = example_help("rejoin"))]
    Rejoin(Rejoin),
    /// Make one primary out of several, of none, or of one that lost its data
    ///
    /// Names what is wrong, puts the nodes there are to choose from beside each other (keys,
    /// offsets, histories, what only each of them has), proposes one of them and says what every
    /// other choice would cost. Of several primaries the others return under the one that is kept,
    /// each with what only it has backed up. From a primary that came back empty its replicas are
    /// taken away before they are emptied, too. Where there is none, the replica with most data is
    /// promoted. Where nothing sets one of several primaries apart, --yes alone is refused: --keep
    /// says which.
    #[command(after_help = example_help("repair"))]
    Repair(Repair),
    /// Go on with an operation that stopped half-way
    ///
    /// Reads the operation's journal, looks at the nodes again, and carries on: a stage that can
    /// still be undone starts over; past its irreversible step, the interrupted step is next.
    #[command(after_help = example_help("resume"))]
    Resume(Resume),
    /// Put back an operation that stopped half-way, where it can still be undone
    ///
    /// Undoes the stage that was interrupted. Stages that were finished stay as they are. Past an
    /// irreversible step it refuses, and `replctl resume` is the way on.
    #[command(after_help = example_help("rollback"))]
    Rollback(Resume),
    /// Leave an operation that stopped half-way as it is
    ///
    /// For one that can be neither resumed nor put back, and for one of which it is not known what
    /// it did, because its journal cannot be read: such a one stands against every change. Look at
    /// the nodes first. Nothing on them is changed by it: the operation is noted to be left as it
    /// is, and the next one is planned from what is seen then. Only what a promotion has told
    /// Sentinels for a moment (INFO-PERIOD) is put back.
    #[command(after_help = example_help("abandon"))]
    Abandon(Abandon),
    /// Take back an operation that is done, by another one of the ordinary kind
    ///
    /// A promotion is undone by promoting the primary before it, a move by moving the node back, a
    /// detachment by attaching the node again while it has no writes of its own, `add` by `remove`
    /// and the other way, while its files are there: with the same plan, checks and proof as if
    /// that were asked for by name. Refused where the nodes are not as the operation left them any
    /// more, where the old primary is gone or has parted from the new one, and where keys would be
    /// lost. What an operation lost does not come back.
    #[command(after_help = example_help("undo"))]
    Undo(Undo),
    /// List the operations on this deployment, newest first
    ///
    /// From the journals on this machine, without any network: when, who, what, and how it ended,
    /// at which step if it did not. What other operators did on their machines is in their
    /// journals. Each id is one that `replctl resume` and `replctl rollback` take, where it says
    /// unfinished.
    #[command(after_help = example_help("history"))]
    History(History),
    /// Tell what happened in one operation, as Markdown
    ///
    /// A post-mortem from its journal, without any network: the plan as it was shown, each step
    /// with what was sent and heard and how long it took, for how long writes were stopped, the
    /// deployment before and after, what was proved, and what was left to do. No secret is in it.
    /// What journals of an older replctl do not tell is said to be not recorded.
    #[command(after_help = example_help("report"))]
    Report(Report),
    /// Set up Sentinels, and look at those that watch
    ///
    /// Those that watch are found through the nodes they watch, without any configuration. Those
    /// that `setup` is to bring, and a password of their own, stand under `[sentinel]` in the
    /// inventory.
    #[command(after_help = example_help("sentinel"))]
    Sentinel(Sentinel),
    /// Show the server that replctl carries inside itself
    #[command(after_help = example_help("server"))]
    Server(Server),
    /// Print a completion script
    ///
    /// The script asks replctl for the candidates, node names among them: those come from the
    /// inventory, without any network.
    #[command(after_help = example_help("completions"))]
    Completions(Completions),
    /// Lift a fence that does not end by itself, where replctl dies inside it
    #[command(hide = true)]
    FenceGuard(FenceGuard),
    /// Write the man pages into a folder
    #[command(hide = true)]
    Man(Man),
}
