//! When the next poll is due: fixed intervals and cron.
