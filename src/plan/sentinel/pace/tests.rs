//! How soon Sentinels are brought to see a priority.
