//! The command line. These doc comments are the help, the man pages and the completions.

mod clients;
mod colour;
mod endpoint;
pub mod examples;
pub mod help;
mod hidden;
mod history;
mod ignore;
mod lost;
mod members;
mod moves;
mod named;
mod others;
mod rejoin;
mod repair;
mod sentinel;
pub mod words;

pub use members::{Add, Remove};
pub use moves::{Detach, Move};
pub use rejoin::Rejoin;
pub use repair::Repair;

use crate::commands::completions::{every_node, promotable};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::ArgValueCandidates as Candidates;
pub use clients::Clients;
pub use colour::Colour;
pub use endpoint::{Endpoint, EndpointFormat};
use help::{example_help, main_help};
pub use hidden::{FenceGuard, Man};
pub use history::{Abandon, History, Report, Resume, Undo};
pub use ignore::{Ignore, IgnoreRole};
pub use lost::Lost;
pub use others::Others;
pub use sentinel::{Sentinel, SentinelCommand, SentinelForget, SentinelRemove, SentinelSetup};
use std::path::PathBuf;

/// Set up, look at and hand over Redis and Valkey replication deployments.
///
/// From an inventory of hosts reached by SSH, replctl sets up one primary with its replicas, shows replication as it really is, and changes the primary
/// without losing an acknowledged write. It looks first, shows the plan, proves the result, and leaves a journal it can resume from.
#[derive(Debug, Parser)]
#[command(name = "replctl", version, propagate_version = true, max_term_width = 100, after_help = main_help())]
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
    /// The inventory file [default: ./inventory.toml, then replctl/inventory.toml in the configuration folder]
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
    /// When to print in colour: auto, always or never. auto is on a terminal, unless `NO_COLOR` is set, and wherever `CLICOLOR_FORCE` is
    #[arg(long, global = true, value_enum, value_name = "WHEN", hide_possible_values = true, default_value_t = Colour::Auto)]
    pub color: Colour,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write an inventory from the nodes given, or by asking
    ///
    /// Writes the inventory, and a generated password into a file of mode 0600 beside it. It contacts no host and overwrites nothing.
    #[command(after_help = example_help("init"))]
    Init(Init),
    /// Take bare hosts to a running, verified deployment
    ///
    /// Looks at every host, shows what is missing, and asks. Then, hosts side by side: the server program, its user, directories, configuration and service;
    /// then the replication, proved by a write that is read on every replica. Run again, it does what is missing and nothing else. It never re-wires a
    /// deployment that runs: after a promotion the live roles win. A node that holds keys of its own is refused, unless --discard-data names it.
    #[command(visible_alias = "deploy", after_help = example_help("setup"))]
    Setup(Setup),
    /// Show replication as it is, and what is wrong with it
    ///
    /// One look at every node at once, each for a bounded time: a node that does not answer is a line with its reason. Changes nothing. Below the tree stands
    /// what is wrong, with commands to paste. The exit status is 0 if nothing needs doing, else 4.
    #[command(after_help = example_help("status"))]
    Status(Status),
    /// Print where the primary is now, for programs
    ///
    /// One look at every node, each for a bounded time, by the roles they have and not by what the inventory wishes. The address is the one that clients use:
    /// `announce` in the inventory, where it is there. Printed is one healthy primary or nothing: where there is none, more than one, or one that leaves a
    /// doubt, an error names what was seen and the exit status is 4. No form holds a password.
    #[command(after_help = example_help("endpoint"))]
    Endpoint(Endpoint),
    /// Show who uses the servers
    ///
    /// The clients that each server lists, grouped by host, name and library; replicas, Sentinels and replctl are not counted. A server tells of each client
    /// its last command only: `yes` is a command that writes, `maybe` a script, a transaction or one that the server does not know, and `not seen` does not
    /// mean that it never writes. Changes nothing. The exit status is 4 where a node could not be asked.
    #[command(after_help = example_help("clients"))]
    Clients(Clients),
    /// Make NODE the primary, without losing an acknowledged write
    ///
    /// Without NODE it shows the candidates, each with what speaks for it or stands against it, and asks; without a terminal it names the command to give.
    /// While the primary answers, its writes are paused for a few milliseconds, NODE is seen to have every one of them, and only then do they change roles; if
    /// that cannot be proved, all is put back. Where the primary is lost, it is stopped first if its host answers, NODE is refused if another replica has more,
    /// and what may be lost is said before anything is done. Where Sentinels watch, it goes through them and never beside them. Ends with the proof: offsets,
    /// how long writes stood still, how each node re-attached. Commands of your own run before and after it, where the inventory has `[hooks]`: see replctl(1).
    #[command(after_help = example_help("promote"))]
    Promote(Promote),
    /// Let NODE replicate from another node
    ///
    /// For chains: a replica goes under another replica, or back under the primary, and the nodes under it go with it. What it will cost is said before: a
    /// partial resync, or all data again. Refused are circles, upstreams that are not in sync, and whatever would replace keys that are nowhere else, unless
    /// --discard-data names NODE. If NODE does not get in sync, it is put back where it was. Ends when it is in sync and its file says so.
    #[command(name = "move", after_help = example_help("move"))]
    Move(Move),
    /// Let NODE stand alone, as a writable primary of its own
    ///
    /// For a copy to work on. Nothing is written to its old deployment by it and nothing arrives from there any more. That it was detached is remembered:
    /// status says so, promote and setup leave it alone, and `replctl move NODE --under PRIMARY --discard-data NODE` brings it back. Refused for the primary,
    /// for a node that others have their data from, and where Sentinels watch, who would attach it again.
    #[command(after_help = example_help("detach"))]
    Detach(Detach),
    /// Take a new node into the inventory and into the deployment
    ///
    /// Writes a table for it into the inventory, where all else stays as it is, and sets that node alone up as `replctl setup` does: the server program, its
    /// user, directories, configuration and service; then the replication, proved by a write that is read on it. If anything fails, all of it is put back, the
    /// inventory too; a file that somebody has changed meanwhile is left alone. One that runs and replicates already is only written down.
    #[command(after_help = example_help("add"))]
    Add(Add),
    /// Let NODE leave for good
    ///
    /// Its server is stopped, nothing starts it again, the primary is seen to list it no more, the Sentinels that watch are made to forget it, and its table is
    /// taken out of the inventory. Its files stay, unless --purge is given. Refused for the primary and for a node that others have their data from. One whose
    /// host is dead can leave; what could not be done there is said.
    #[command(after_help = example_help("remove"))]
    Remove(Remove),
    /// List the commands that only NODE has, an old primary that came back
    ///
    /// Reads NODE's replication stream from where the two parted, as a replica would, and changes nothing unless --replay is given. Each command is told with
    /// what stands against replaying it: nothing, where its keys were not written on the new primary since; otherwise it is a conflict. It works while NODE
    /// runs on, follows nobody yet, and its backlog reaches back far enough; later, --backup reads them from what `rejoin` has kept. With --replay those that
    /// are safe are done again on the new primary, after a plan and a question: each once, also where it is run again, and none whose keys a client writes
    /// meanwhile.
    #[command(after_help = example_help("lost"))]
    Lost(Lost),
    /// Bring NODE, an old primary, back under the present one
    ///
    /// What was the primary and came back has writes of its own, and goes on taking them. It takes no more from now on; what only it has is counted; all it has
    /// is backed up into a dated folder on this machine, with a manifest: a dump that is checked, and the commands that can be replayed. Then it becomes a
    /// replica, in one step that is put back if anything was written that is not in the backup, and is seen in sync. Where it has nothing of its own no backup
    /// is made. One that is stopped gets its new role into its file before it is started. Nothing is discarded without a backup, unless --discard-data names
    /// NODE.
    #[command(after_help = example_help("rejoin"))]
    Rejoin(Rejoin),
    /// Make one primary out of several, of none, or of one that lost its data
    ///
    /// Names what is wrong, puts the nodes there are to choose from beside each other (keys, offsets, histories, what only each of them has), proposes one of
    /// them and says what every other choice would cost. Of several primaries the others return under the one that is kept, each with what only it has backed
    /// up. From a primary that came back empty its replicas are taken away before they are emptied, too. Where there is none, the replica with most data is
    /// promoted. Where nothing sets one of several primaries apart, --yes alone is refused: --keep says which.
    #[command(after_help = example_help("repair"))]
    Repair(Repair),
    /// Go on with an operation that stopped half-way
    ///
    /// Reads the operation's journal, looks at the nodes again, and carries on: a stage that can still be undone starts over; past its irreversible step, the
    /// interrupted step is next.
    #[command(after_help = example_help("resume"))]
    Resume(Resume),
    /// Put back an operation that stopped half-way, where it can still be undone
    ///
    /// Undoes the stage that was interrupted. Stages that were finished stay as they are. Past an irreversible step it refuses, and `replctl resume` is the way
    /// on.
    #[command(after_help = example_help("rollback"))]
    Rollback(Resume),
    /// Leave an operation that stopped half-way as it is
    ///
    /// For one that can be neither resumed nor put back, and for one of which it is not known what it did, because its journal cannot be read: such a one
    /// stands against every change. Look at the nodes first. Nothing on them is changed by it: the operation is noted to be left as it is, and the next one is
    /// planned from what is seen then. Only what a promotion has told Sentinels for a moment (INFO-PERIOD) is put back.
    #[command(after_help = example_help("abandon"))]
    Abandon(Abandon),
    /// Take back an operation that is done, by another one of the ordinary kind
    ///
    /// A promotion is undone by promoting the primary before it, a move by moving the node back, a detachment by attaching the node again while it has no
    /// writes of its own, `add` by `remove` and the other way, while its files are there: with the same plan, checks and proof as if that were asked for by
    /// name. Refused where the nodes are not as the operation left them any more, where the old primary is gone or has parted from the new one, and where keys
    /// would be lost. What an operation lost does not come back.
    #[command(after_help = example_help("undo"))]
    Undo(Undo),
    /// List the operations on this deployment, newest first
    ///
    /// From the journals on this machine, without any network: when, who, what, and how it ended, at which step if it did not. What other operators did on
    /// their machines is in their journals. Each id is one that `replctl resume` and `replctl rollback` take, where it says unfinished.
    #[command(after_help = example_help("history"))]
    History(History),
    /// Tell what happened in one operation, as Markdown
    ///
    /// A post-mortem from its journal, without any network: the plan as it was shown, each step with what was sent and heard and how long it took, for how long
    /// writes were stopped, the deployment before and after, what was proved, and what was left to do. No secret is in it. What journals of an older replctl do
    /// not tell is said to be not recorded.
    #[command(after_help = example_help("report"))]
    Report(Report),
    /// Set up Sentinels, and look at those that watch
    ///
    /// Those that watch are found through the nodes they watch, without any configuration. Those that `setup` is to bring, and a password of their own, stand
    /// under `[sentinel]` in the inventory.
    #[command(after_help = example_help("sentinel"))]
    Sentinel(Sentinel),
    /// Show the server that replctl carries inside itself
    #[command(after_help = example_help("server"))]
    Server(Server),
    /// Print a completion script
    ///
    /// The script asks replctl for the candidates, node names among them: those come from the inventory, without any network.
    #[command(after_help = example_help("completions"))]
    Completions(Completions),
    /// Lift a fence that does not end by itself, where replctl dies inside it
    #[command(hide = true)]
    FenceGuard(FenceGuard),
    /// Write the man pages into a folder
    #[command(hide = true)]
    Man(Man),
}

/// `init`.
#[derive(Debug, Args)]
pub struct Init {
    /// Nodes as [NAME=]ADDRESS[:PORT]; the first is the first primary
    #[arg(value_name = "NODE")]
    pub nodes: Vec<String>,
    /// The deployment's name
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// SSH user
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Directory on the hosts: DIR/PORT/{conf,logs,pid}
    #[arg(long, value_name = "DIR")]
    pub directory: Option<String>,
    /// Write `auth = "none"` instead of generating a password (a trusted network only)
    #[arg(long)]
    pub no_password: bool,
    /// Where to write it
    #[arg(short, long, value_name = "FILE", default_value = "inventory.toml", value_hint = clap::ValueHint::FilePath)]
    pub output: PathBuf,
    /// Ask nothing; what is not given takes its default
    #[arg(short, long)]
    pub yes: bool,
}

/// `setup`.
#[derive(Debug, Args)]
pub struct Setup {
    /// Only these nodes
    #[arg(value_name = "NODE", add = Candidates::new(every_node))]
    pub nodes: Vec<String>,
    /// Show the plan and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// What is done about another operator.
    #[command(flatten)]
    pub others: Others,
    /// Replace the keys this node holds by those of the primary (repeatable)
    #[arg(long, value_name = "NODE", add = Candidates::new(every_node))]
    pub discard_data: Vec<String>,
    /// Where the password changes: take the earlier one, too, until `replctl setup` is run again
    #[arg(long)]
    pub keep_earlier_password: bool,
}

/// `status`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of the command line
pub struct Status {
    /// Show every node, however many there are; over 30, those that are well are summed up otherwise
    #[arg(long)]
    pub all: bool,
    /// Measure how many seconds each replica is behind (takes up to 2 seconds)
    #[arg(long)]
    pub seconds: bool,
    /// Do not use SSH (what the configuration files say is then unknown)
    #[arg(long)]
    pub no_ssh: bool,
}

/// `promote`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of the command line
pub struct Promote {
    /// The node to make primary; without it the candidates are shown, and it is asked for
    #[arg(value_name = "NODE", add = Candidates::new(promotable))]
    pub node: Option<String>,
    /// Show the plan and change nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// What is done about another operator.
    #[command(flatten)]
    pub others: Others,
    /// The old primary is lost: promote although the node has less data than another, or less than can be known
    #[arg(long)]
    pub allow_data_loss: bool,
    /// The old primary cannot be stopped: accept that it may come back and take writes that are lost later
    #[arg(long)]
    pub accept_split_brain: bool,
    /// Go on although something differs between the node and the primary, a permission is missing that can be done without, or a role will not outlive a restart (repeatable)
    #[arg(long, value_enum, value_name = "WHAT")]
    pub ignore: Vec<Ignore>,
    /// The Sentinels that are still counted on the nodes are gone for good: promote without them (those that live undo it within a minute)
    #[arg(long)]
    pub without_sentinel: bool,
    /// Disconnect the clients that are left on the old primary, once there is a new one, so that they look for it
    #[arg(long)]
    pub kick_clients: bool,
    /// Run none of the hooks that the inventory names
    #[arg(long)]
    pub no_hooks: bool,
    /// Leave an operation that stopped half-way as it is, and plan from what is seen now
    #[arg(long)]
    pub abandon_unfinished: bool,
}

/// `server`.
#[derive(Debug, Args)]
pub struct Server {
    /// Write the files of one architecture into a folder
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub extract: Option<PathBuf>,
    /// The architecture to extract [default: this machine's]
    #[arg(long, value_name = "ARCH", requires = "extract")]
    pub arch: Option<String>,
    /// Print the licence texts of the server and its libraries
    #[arg(long)]
    pub licence: bool,
}

/// `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: Shell,
    /// A script that needs no replctl at completion time, and so completes no node names
    #[arg(long)]
    pub fixed: bool,
}

/// The shells that can be completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// bash
    Bash,
    /// zsh
    Zsh,
    /// fish
    Fish,
    /// elvish
    Elvish,
    /// `PowerShell`
    Powershell,
}
