//! The command line. These doc comments are the help, the man pages and the completions.

pub mod candidates;
mod colour;
pub mod examples;
pub mod help;
mod ignore;
pub mod line;
mod others;
pub mod words;

use crate::operations::abandon::args::Abandon;
use crate::operations::add::args::Add;
use crate::operations::adopt::args::Adopt;
use crate::operations::check::args::Check;
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
use crate::operations::resume::args::{Resume, Rollback};
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
    /// When to print in colour: auto, always or never. auto prints in colour on a terminal unless
    /// `NO_COLOR` is set, and everywhere if `CLICOLOR_FORCE` is set
    #[arg(long, global = true, value_enum, value_name = "WHEN", hide_possible_values = true, default_value_t = Colour::Auto)]
    pub color: Colour,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write an inventory: from the nodes given, by asking, or from a deployment that runs
    ///
    /// Without --from, replctl writes the inventory of new nodes, and puts a generated password
    /// into a file of mode 0600 beside it. It contacts no host and overwrites nothing.
    ///
    /// With --from, replctl finds a deployment that runs, from any of its servers or from a
    /// Sentinel: the upstreams, the replicas, and the Sentinels that watch. Over SSH it finds how
    /// each server is run. What is not certain becomes a comment in the inventory, with the reason.
    /// replctl changes nothing on servers and hosts. It asks before a password goes to a server
    /// that only another one names.
    #[command(after_help = example_help("init"))]
    Init(Box<Init>),
    /// Take bare hosts to a running, verified deployment
    ///
    /// replctl looks at every host, shows what is missing, and asks. Then it works on the hosts
    /// side by side: the server program, its user, directories, configuration and service. It then
    /// sets up the replication, and proves it by a write that is read on every replica. If you run
    /// it again, it does only what is missing. It never re-wires a deployment that runs: after a
    /// promotion the live roles win. It refuses a node that holds keys of its own, unless
    /// --discard-data names the node.
    #[command(visible_alias = "deploy", after_help = example_help("setup"))]
    Setup(Setup),
    /// Show replication as it is, and what is wrong with it
    ///
    /// replctl looks at all nodes at once, each for a bounded time. A node that does not answer is
    /// a line with the reason. Below the tree is what is wrong, with commands to paste. replctl
    /// changes nothing. The exit status is 0 if nothing needs doing, else 4.
    #[command(after_help = example_help("status"))]
    Status(Status),
    /// Compare the deployment with its plan, and find what will fail later
    ///
    /// replctl looks at all servers and hosts at once, with at most one further command on each
    /// host. It shows the address plan with what each host is, the hosts side by side, and what is
    /// wrong: with its numbers, and with a command to paste. That is all that `status` finds, and
    /// beside it the kernel, memory, disks, files, names, clocks, limits and versions. A fact that
    /// cannot be seen is shown as `-` and not judged. The exit status is 0 if nothing needs doing,
    /// else 4.
    ///
    /// replctl changes nothing, unless --fix is given. Then it shows a plan, asks, and sets what
    /// needs no restart and no choice. A host on which a step fails is put back.
    #[command(after_help = example_help("check"))]
    Check(Check),
    /// Say what a finding of `status` or `check` means, and what to do
    ///
    /// Each finding has a code: `status -v` and `status --json` show it. For a code, `explain`
    /// prints what is wrong and what it leads to, the causes, and the way out. Without a code, it
    /// lists all findings. It contacts no host and needs no inventory.
    #[command(after_help = example_help("explain"))]
    Explain(Explain),
    /// Print where the primary is now, for programs
    ///
    /// replctl looks at every node, each for a bounded time. The roles that the nodes have now
    /// count, not those of the inventory. The address is the one that clients use: `announce` of
    /// the inventory, if it is there. replctl prints one healthy primary or nothing. If there is no
    /// primary, more than one, or a doubt about the one, an error says what was seen, and the exit
    /// status is 4. No form has a password.
    #[command(after_help = example_help("endpoint"))]
    Endpoint(Endpoint),
    /// Show who uses the servers
    ///
    /// replctl groups the clients that each server lists by host, name and library. It does not
    /// count replicas, Sentinels and replctl. A server shows only the last command of each client.
    /// `yes` is a command that writes. `maybe` is a script, a transaction, or a command that the
    /// server does not know. `not seen` does not mean that the client never writes. replctl changes
    /// nothing. The exit status is 4 if a node could not be asked.
    #[command(after_help = example_help("clients"))]
    Clients(Clients),
    /// Make NODE the primary, without losing an acknowledged write
    ///
    /// Without NODE, `promote` shows the candidates, each with what speaks for it or stands against
    /// it, and asks. Without a terminal, it prints the command to give.
    ///
    /// While the primary answers, its writes are paused for a few milliseconds. NODE and the
    /// primary change roles only after NODE was seen to have every write. If that cannot be proved,
    /// the promotion is put back. If the primary is lost, it is stopped first if its host answers.
    /// In that case NODE is refused if another replica has more, and replctl shows what may be lost
    /// before it changes anything. Where Sentinels watch, the promotion goes through them and never
    /// beside them.
    ///
    /// It ends with the proof: offsets, how long writes stood still, how each node re-attached.
    /// Commands of your own run before and after it, where the inventory has `[hooks]`: see
    /// replctl(1).
    #[command(after_help = example_help("promote"))]
    Promote(Promote),
    /// Let NODE replicate from another node
    ///
    /// For chains: a replica goes under another replica, or back under the primary, and the nodes
    /// under it go with it. replctl shows first what this costs: a partial resync, or all data
    /// again. It refuses circles, upstreams that are not in sync, and whatever would replace keys
    /// that are nowhere else, unless --discard-data names NODE. If NODE does not get in sync, it is
    /// put back where it was. The move ends when NODE is in sync and its file has the new role.
    #[command(name = "move", after_help = example_help("move"))]
    Move(Move),
    /// Let NODE stand alone, as a writable primary of its own
    ///
    /// This gives you a copy to work on. NODE gets no more data from its old deployment, and sends
    /// none to it. replctl remembers that NODE was detached: `status` says so, and `promote` and
    /// `setup` leave NODE alone. `replctl move NODE --under PRIMARY --discard-data NODE` brings it
    /// back. `detach` is refused for the primary, for a node that others have their data from, and
    /// where Sentinels watch, because Sentinels would attach NODE again.
    #[command(after_help = example_help("detach"))]
    Detach(Detach),
    /// Take a new node into the inventory and into the deployment
    ///
    /// replctl writes a table for the node into the inventory, and leaves all else there as it is.
    /// It sets up that node alone, as `replctl setup` does: the server program, its user,
    /// directories, configuration and service. It then sets up the replication, and proves it by a
    /// write that is read on the node. If anything fails, all of it is put back, also the
    /// inventory. If somebody has changed that file meanwhile, replctl leaves it alone. A node that
    /// runs and replicates already is only written into the inventory.
    #[command(after_help = example_help("add"))]
    Add(Add),
    /// Take over servers that replctl did not set up, with their data
    ///
    /// For servers that a package, Ansible or a person at a shell has set up. Each node gets the
    /// directories, the program, the configuration and the unit that `replctl setup` makes. Its
    /// data is copied, its own settings go into the inventory with their comments, and its former
    /// unit is disabled. The former files stay where they are.
    ///
    /// Replicas come first, one after the other. Then one of them takes over from the primary, as
    /// `promote` does it, and the former primary comes last. No acknowledged write is lost. If a
    /// node fails, replctl puts that node back as it was, and the nodes before it stay adopted.
    ///
    /// replctl does not change the version of a server. A primary without a replica does not answer
    /// while it is restarted. A primary with too few replicas refuses writes meanwhile
    /// (`min-replicas-to-write`). replctl refuses both, unless you accept them with `--ignore
    /// pause`.
    #[command(after_help = example_help("adopt"))]
    Adopt(Adopt),
    /// Remove NODE from the deployment permanently
    ///
    /// replctl stops the server of NODE and disables what starts it. It waits until the primary
    /// does not list NODE any more. It makes the Sentinels that watch forget NODE, and takes the
    /// table of NODE out of the inventory. The files of NODE stay on its host, unless --purge is
    /// given.
    ///
    /// replctl refuses to remove the primary, and a node that other nodes replicate from. A node
    /// whose host is dead can be removed: replctl then names what it could not do there.
    #[command(after_help = example_help("remove"))]
    Remove(Remove),
    /// List the commands that only NODE has, an old primary that came back
    ///
    /// `lost` reads the replication stream of NODE, as a replica does, from the point where NODE
    /// and the new primary diverged. It says of each command whether it is safe to replay. A
    /// command is safe if its keys were not written on the new primary since then. Otherwise it is
    /// in conflict. `lost` changes nothing, unless --replay is given.
    ///
    /// NODE must be running and must not follow another node. Its backlog must reach back to the
    /// point of divergence. After `rejoin`, --backup reads the commands from the backup that
    /// `rejoin` made.
    ///
    /// With --replay, replctl shows a plan, asks, and replays the safe commands on the new primary.
    /// Each command is replayed once, also if you run `lost` again. No command is replayed while a
    /// client writes its keys.
    #[command(after_help = example_help("lost"))]
    Lost(Lost),
    /// Make NODE, an old primary, a replica of the present primary
    ///
    /// An old primary that comes back has writes of its own, and accepts more. `rejoin` stops these
    /// writes first, and counts the commands that only NODE has. It makes a backup of all data of
    /// NODE in a dated folder on this machine: a dump that is checked, the commands that can be
    /// replayed, and a manifest. Then it makes NODE a replica, and waits until NODE is in sync.
    ///
    /// The change of the role is one step. replctl puts this step back if NODE has a write that is
    /// not in the backup. If NODE has no writes of its own, no backup is made. If NODE is stopped,
    /// its file gets the new role before the server is started. No data is discarded without a
    /// backup, unless --discard-data names NODE.
    #[command(after_help = example_help("rejoin"))]
    Rejoin(Rejoin),
    /// Make one primary out of several, of none, or of one that lost its data
    ///
    /// `repair` names what is wrong and compares the nodes: their keys, their offsets, their
    /// histories, and what only each of them has. It proposes the node to keep, and says what every
    /// other choice costs. Then it shows one plan, and asks.
    ///
    /// Several primaries: the others become replicas of the node that is kept, each after a backup
    /// of what only it has. A primary that came back empty: its replicas stop following it before
    /// they lose their data too. No primary: the replica with most data is promoted.
    ///
    /// If nothing sets one of several primaries apart, --yes alone is refused. Name the node with
    /// --keep.
    #[command(after_help = example_help("repair"))]
    Repair(Repair),
    /// Go on with an operation that stopped half-way
    ///
    /// replctl reads the operation's journal, looks at the nodes again, and goes on. A stage that
    /// can still be undone starts over. After its irreversible step, a stage goes on with the
    /// interrupted step.
    #[command(after_help = example_help("resume"))]
    Resume(Resume),
    /// Put back an operation that stopped half-way, where it can still be undone
    ///
    /// Undoes the stage that was interrupted. Stages that were finished stay as they are. Past an
    /// irreversible step it refuses, and `replctl resume` is the way on.
    #[command(after_help = example_help("rollback"))]
    Rollback(Rollback),
    /// Leave an operation that stopped half-way as it is
    ///
    /// Use it for an operation that can be neither resumed nor put back. Use it also if the journal
    /// cannot be read, and so nobody knows what the operation did: such an operation blocks every
    /// change. Look at the nodes first. `abandon` does not change them. It notes that the operation
    /// is left as it is, and the next one is planned from what is seen then. It puts back only what
    /// a promotion has set at Sentinels for a moment (INFO-PERIOD).
    #[command(after_help = example_help("abandon"))]
    Abandon(Abandon),
    /// Undo a finished operation by a new operation
    ///
    /// A promotion is undone by promoting the former primary, and a move by moving the node back. A
    /// detachment is undone by attaching the node again, if the node has no writes of its own.
    /// `add` is undone by `remove`. `remove` is undone by `add`, if the files of the node are still
    /// there. The new operation has the same plan, checks and proof as if you ran its command
    /// yourself.
    ///
    /// replctl refuses if the nodes are not as the operation left them. It refuses if the former
    /// primary does not answer or has diverged from the new one, and if keys would be lost. What
    /// the operation lost does not come back.
    #[command(after_help = example_help("undo"))]
    Undo(Undo),
    /// List the operations on this deployment, newest first
    ///
    /// replctl reads the journals on this machine, without any network. It shows when, who, what,
    /// and how the operation ended. If the operation did not end, it shows at which step it
    /// stopped. What other operators did on their machines is in their journals. `replctl resume`
    /// and `replctl rollback` take the id of an operation that is unfinished.
    #[command(after_help = example_help("history"))]
    History(History),
    /// Tell what happened in one operation, as Markdown
    ///
    /// A post-mortem from the journal, without any network. It has the plan as it was shown, and
    /// each step with what was sent and heard and how long it took. It says for how long writes
    /// were stopped. It has the deployment before and after, what was proved, and what was left to
    /// do. No secret is in it. What journals of an older replctl do not have is called not
    /// recorded.
    #[command(after_help = example_help("report"))]
    Report(Report),
    /// Set up Sentinels, and look at those that watch
    ///
    /// The Sentinels that watch are found through the nodes, without any configuration. The
    /// Sentinels that `sentinel setup` sets up, and a password of their own, stand under
    /// `[sentinel]` in the inventory.
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
