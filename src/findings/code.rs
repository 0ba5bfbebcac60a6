//! All diagnoses, by name. The explanation of each is in the module that finds it. Pure.
//!
//! A new code does not compile without an explanation.

use super::{
    Severity, addresses, drift, emptied, fed, forecast, full_sync, hosts, links, names,
    pending_demotions, roles, sentinels, settings, tls, unreachable,
};
use serde::Serialize;

/// All diagnoses. Their names are part of the JSON format: codes are added, never renamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // each has an explanation
pub enum Code {
    AddressClash,
    AnnouncedElsewhere,
    AnotherHistory,
    Behind,
    CertificateExpires,
    ClusterMode,
    DiskFails,
    Drift,
    EmptiedPrimary,
    FedStranger,
    Diverged,
    FailoverRunning,
    FewerDatabases,
    FullSyncRunning,
    LinkDown,
    LinkSilent,
    Loading,
    Loop,
    MemoryLimit,
    NeverLinked,
    NoPassword,
    NoPrimary,
    NoteUnread,
    OperationUnderWay,
    PersistedUnknown,
    PlainReplication,
    #[serde(rename = "priority-0")]
    Priority0,
    ReplicaAuthMissing,
    ReplicaAuthWrong,
    RebootForecast,
    ReplicaOfReplica,
    RoleNotKept,
    SentinelFailover,
    SentinelFew,
    SentinelForeignReplica,
    SentinelGone,
    SentinelInfoPeriod,
    SentinelNoQuorum,
    SentinelNotAsked,
    SentinelSilent,
    SentinelTilt,
    SentinelTwoNames,
    SentinelUnknownReplica,
    SentinelWatches,
    SentinelWorried,
    SentinelWrongPrimary,
    SentinelsDisagree,
    SeenThroughHost,
    SeveralPrimaries,
    SharedLink,
    StandsAlone,
    TlsReplication,
    TwoNamesOneServer,
    UnfencedOldPrimary,
    UnfinishedOperation,
    UnpersistedRole,
    UntestedVersion,
    Unreachable,
    UpstreamUnknown,
    VersionOrder,
    WritableReplica,
    BacklogShort,
    BufferShort,
    ClockOff,
    ConfigReadable,
    DiskRoom,
    EndOfLife,
    FolderClosed,
    FolderOpen,
    HostUnseen,
    HugePages,
    ListenBacklog,
    MemoryOfHost,
    MinReplicas,
    NameElsewhere,
    NameUnknown,
    NoMemoryLimit,
    NoRoot,
    NoWay,
    Noexec,
    NothingSaved,
    OneHost,
    OpenFiles,
    OpenServer,
    Overcommit,
    PortEphemeral,
    ReadOnlyDisk,
    SettingsDiffer,
    Swapped,
    TimeoutShort,
}

/// What `replctl explain` and docs/diagnoses.md say of a diagnosis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The possible severities, the worst first.
    pub severities: &'static [Severity],
    /// The state, and its consequences.
    pub meaning: &'static str,
    /// The usual causes.
    pub cause: &'static str,
    /// What to do.
    pub way_out: &'static str,
}

impl Code {
    /// All codes.
    pub const ALL: &[Self] = &[
        Self::AddressClash,
        Self::AnnouncedElsewhere,
        Self::AnotherHistory,
        Self::Behind,
        Self::CertificateExpires,
        Self::ClusterMode,
        Self::DiskFails,
        Self::Drift,
        Self::EmptiedPrimary,
        Self::FedStranger,
        Self::Diverged,
        Self::FailoverRunning,
        Self::FewerDatabases,
        Self::FullSyncRunning,
        Self::LinkDown,
        Self::LinkSilent,
        Self::Loading,
        Self::Loop,
        Self::MemoryLimit,
        Self::NeverLinked,
        Self::NoPassword,
        Self::NoPrimary,
        Self::NoteUnread,
        Self::OperationUnderWay,
        Self::PersistedUnknown,
        Self::PlainReplication,
        Self::Priority0,
        Self::ReplicaAuthMissing,
        Self::ReplicaAuthWrong,
        Self::RebootForecast,
        Self::ReplicaOfReplica,
        Self::RoleNotKept,
        Self::SentinelFailover,
        Self::SentinelFew,
        Self::SentinelForeignReplica,
        Self::SentinelGone,
        Self::SentinelInfoPeriod,
        Self::SentinelNoQuorum,
        Self::SentinelNotAsked,
        Self::SentinelSilent,
        Self::SentinelTilt,
        Self::SentinelTwoNames,
        Self::SentinelUnknownReplica,
        Self::SentinelWatches,
        Self::SentinelWorried,
        Self::SentinelWrongPrimary,
        Self::SentinelsDisagree,
        Self::SeenThroughHost,
        Self::SeveralPrimaries,
        Self::SharedLink,
        Self::StandsAlone,
        Self::TlsReplication,
        Self::TwoNamesOneServer,
        Self::UnfencedOldPrimary,
        Self::UnfinishedOperation,
        Self::UnpersistedRole,
        Self::UntestedVersion,
        Self::Unreachable,
        Self::UpstreamUnknown,
        Self::VersionOrder,
        Self::WritableReplica,
        Self::BacklogShort,
        Self::BufferShort,
        Self::ClockOff,
        Self::ConfigReadable,
        Self::DiskRoom,
        Self::EndOfLife,
        Self::FolderClosed,
        Self::FolderOpen,
        Self::HostUnseen,
        Self::HugePages,
        Self::ListenBacklog,
        Self::MemoryOfHost,
        Self::MinReplicas,
        Self::NameElsewhere,
        Self::NameUnknown,
        Self::NoMemoryLimit,
        Self::NoRoot,
        Self::NoWay,
        Self::Noexec,
        Self::NothingSaved,
        Self::OneHost,
        Self::OpenFiles,
        Self::OpenServer,
        Self::Overcommit,
        Self::PortEphemeral,
        Self::ReadOnlyDisk,
        Self::SettingsDiffer,
        Self::Swapped,
        Self::TimeoutShort,
    ];

    /// Its name in JSON, and for `replctl explain`.
    pub fn name(self) -> String {
        serde_json::json!(self)
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Its meaning, its causes, and what to do.
    #[allow(clippy::too_many_lines)] // one for each code
    pub fn explanation(self) -> Explanation {
        match self {
            Self::AddressClash => addresses::ADDRESS_CLASH,
            Self::AnnouncedElsewhere => names::ANNOUNCED_ELSEWHERE,
            Self::AnotherHistory => links::ANOTHER_HISTORY,
            Self::Behind => links::BEHIND,
            Self::CertificateExpires => tls::CERTIFICATE_EXPIRES,
            Self::ClusterMode => settings::CLUSTER_MODE,
            Self::DiskFails => settings::DISK_FAILS,
            Self::Drift => drift::DRIFT,
            Self::EmptiedPrimary => emptied::EMPTIED_PRIMARY,
            Self::FedStranger => fed::FED_STRANGER,
            Self::Diverged => links::DIVERGED,
            Self::FailoverRunning => settings::FAILOVER_RUNNING,
            Self::FewerDatabases => settings::FEWER_DATABASES,
            Self::FullSyncRunning => full_sync::FULL_SYNC_RUNNING,
            Self::LinkDown => links::LINK_DOWN,
            Self::LinkSilent => links::LINK_SILENT,
            Self::Loading => settings::LOADING,
            Self::Loop => roles::LOOP,
            Self::MemoryLimit => settings::MEMORY_LIMIT,
            Self::NeverLinked => links::NEVER_LINKED,
            Self::NoPassword => settings::NO_PASSWORD,
            Self::NoPrimary => roles::NO_PRIMARY,
            Self::NoteUnread => pending_demotions::NOTE_UNREAD,
            Self::OperationUnderWay => pending_demotions::OPERATION_UNDER_WAY,
            Self::PersistedUnknown => forecast::PERSISTED_UNKNOWN,
            Self::PlainReplication => tls::PLAIN_REPLICATION,
            Self::Priority0 => settings::PRIORITY_0,
            Self::ReplicaAuthMissing => settings::REPLICA_AUTH_MISSING,
            Self::ReplicaAuthWrong => settings::REPLICA_AUTH_WRONG,
            Self::RebootForecast => forecast::REBOOT_FORECAST,
            Self::ReplicaOfReplica => links::REPLICA_OF_REPLICA,
            Self::RoleNotKept => forecast::ROLE_NOT_KEPT,
            Self::SentinelFailover => sentinels::SENTINEL_FAILOVER,
            Self::SentinelFew => sentinels::SENTINEL_FEW,
            Self::SentinelForeignReplica => sentinels::SENTINEL_FOREIGN_REPLICA,
            Self::SentinelGone => sentinels::SENTINEL_GONE,
            Self::SentinelInfoPeriod => sentinels::SENTINEL_INFO_PERIOD,
            Self::SentinelNoQuorum => sentinels::SENTINEL_NO_QUORUM,
            Self::SentinelNotAsked => sentinels::SENTINEL_NOT_ASKED,
            Self::SentinelSilent => sentinels::SENTINEL_SILENT,
            Self::SentinelTilt => sentinels::SENTINEL_TILT,
            Self::SentinelTwoNames => sentinels::SENTINEL_TWO_NAMES,
            Self::SentinelUnknownReplica => sentinels::SENTINEL_UNKNOWN_REPLICA,
            Self::SentinelWatches => settings::SENTINEL_WATCHES,
            Self::SentinelWorried => sentinels::SENTINEL_WORRIED,
            Self::SentinelWrongPrimary => sentinels::SENTINEL_WRONG_PRIMARY,
            Self::SentinelsDisagree => sentinels::SENTINELS_DISAGREE,
            Self::SeenThroughHost => settings::SEEN_THROUGH_HOST,
            Self::SeveralPrimaries => roles::SEVERAL_PRIMARIES,
            Self::SharedLink => settings::SHARED_LINK,
            Self::StandsAlone => pending_demotions::STANDS_ALONE,
            Self::TlsReplication => tls::TLS_REPLICATION,
            Self::TwoNamesOneServer => addresses::TWO_NAMES_ONE_SERVER,
            Self::UnfencedOldPrimary => pending_demotions::UNFENCED_OLD_PRIMARY,
            Self::UnfinishedOperation => pending_demotions::UNFINISHED_OPERATION,
            Self::UnpersistedRole => forecast::UNPERSISTED_ROLE,
            Self::UntestedVersion => settings::UNTESTED_VERSION,
            Self::Unreachable => unreachable::UNREACHABLE,
            Self::UpstreamUnknown => links::UPSTREAM_UNKNOWN,
            Self::VersionOrder => links::VERSION_ORDER,
            Self::WritableReplica => settings::WRITABLE_REPLICA,
            Self::BacklogShort => hosts::BACKLOG_SHORT,
            Self::BufferShort => hosts::BUFFER_SHORT,
            Self::ClockOff => hosts::CLOCK_OFF,
            Self::ConfigReadable => hosts::CONFIG_READABLE,
            Self::DiskRoom => hosts::DISK_ROOM,
            Self::EndOfLife => hosts::END_OF_LIFE,
            Self::FolderClosed => hosts::FOLDER_CLOSED,
            Self::FolderOpen => hosts::FOLDER_OPEN,
            Self::HostUnseen => hosts::HOST_UNSEEN,
            Self::HugePages => hosts::HUGE_PAGES,
            Self::ListenBacklog => hosts::LISTEN_BACKLOG,
            Self::MemoryOfHost => hosts::MEMORY_OF_HOST,
            Self::MinReplicas => hosts::MIN_REPLICAS,
            Self::NameElsewhere => hosts::NAME_ELSEWHERE,
            Self::NameUnknown => hosts::NAME_UNKNOWN,
            Self::NoMemoryLimit => hosts::NO_MEMORY_LIMIT,
            Self::NoRoot => hosts::NO_ROOT,
            Self::NoWay => hosts::NO_WAY,
            Self::Noexec => hosts::NOEXEC,
            Self::NothingSaved => hosts::NOTHING_SAVED,
            Self::OneHost => hosts::ONE_HOST,
            Self::OpenFiles => hosts::OPEN_FILES,
            Self::OpenServer => hosts::OPEN_SERVER,
            Self::Overcommit => hosts::OVERCOMMIT,
            Self::PortEphemeral => hosts::PORT_EPHEMERAL,
            Self::ReadOnlyDisk => hosts::READ_ONLY_DISK,
            Self::SettingsDiffer => hosts::SETTINGS_DIFFER,
            Self::Swapped => hosts::SWAPPED,
            Self::TimeoutShort => hosts::TIMEOUT_SHORT,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::Code;
    use std::collections::BTreeSet;

    /// The number of variants in the source.
    fn written() -> usize {
        let (_, rest) = include_str!("code.rs")
            .split_once("pub enum Code {")
            .unwrap();
        let (body, _) = rest.split_once("\n}").unwrap();
        body.lines().filter(|line| line.ends_with(',')).count()
    }

    #[test]
    fn all_are_listed_once() {
        let names: BTreeSet<String> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len(), "one stands there twice");
        assert_eq!(names.len(), written(), "one is missing in `ALL`");
        assert!(names.contains("priority-0") && names.contains("no-primary"));
    }

    #[test]
    fn explanations_are_whole_sentences() {
        for code in Code::ALL {
            let told = code.explanation();
            assert!(!told.severities.is_empty(), "{code:?}");
            assert!(told.severities.is_sorted(), "{code:?}: the worst first");
            for text in [told.meaning, told.cause, told.way_out] {
                assert!(
                    text.ends_with('.') && !text.contains("  ") && text.len() > 20,
                    "{code:?}: {text}"
                );
                assert!(
                    text.starts_with(|c: char| c.is_uppercase() || c == '`'),
                    "{code:?}: {text}"
                );
                assert_eq!(text.matches('`').count() % 2, 0, "{code:?}: {text}");
            }
        }
    }
}
