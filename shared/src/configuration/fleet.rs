//! What `enroll-addon` and `deprovision-addon` know of all instances.

use std::time::Duration;

use super::{ConfigurationError, Environment};
use crate::authority::Names;

/// What the secrets of all instances have in common.
#[derive(Clone, Debug)]
pub struct FleetConfiguration {
    /// `STACK_NAME`: the value of the tag `rotation:stack`.
    pub stack: String,
    /// What they are called.
    pub names: Names,
}

impl FleetConfiguration {
    /// Reads the stack's name and the prefixes.
    ///
    /// # Errors
    /// If one is missing.
    pub fn from_environment() -> Result<Self, ConfigurationError> {
        Ok(Self {
            stack: super::stack_name()?,
            names: Names::from_environment()?,
        })
    }
}

/// How instances are enrolled.
#[derive(Clone, Debug)]
pub struct EnrollConfiguration {
    /// What the secrets are called.
    pub fleet: FleetConfiguration,
    /// `SECRETS_KMS_KEY_ARN`: the key that they are under, AWS's own if it is empty.
    pub key: Option<String>,
    /// `ROTATE_FUNCTION_ARN`: the stack's rotation function.
    pub rotate: String,
    /// `ROTATION_DAYS`: the interval of rotations in days, 1 to 365.
    pub rotation_days: u32,
}

impl EnrollConfiguration {
    /// Reads the variables.
    ///
    /// # Errors
    /// If one is missing or malformed.
    pub fn from_environment() -> Result<Self, ConfigurationError> {
        let fleet = FleetConfiguration::from_environment()?;
        let mut environment = Environment::new();
        let key: Option<String> = environment.or("SECRETS_KMS_KEY_ARN", "a KMS key's ARN", "");
        let rotate = environment.required("ROTATE_FUNCTION_ARN", "a Lambda function's ARN");
        let rotation_days = environment.within("ROTATION_DAYS", 1..=365);
        let configuration = (|| {
            Some(Self {
                fleet,
                key: key.filter(|key| !key.is_empty()),
                rotate: rotate?,
                rotation_days: rotation_days?,
            })
        })();
        environment.finish(configuration)
    }
}

/// How a customer's wish for a rotation is met.
#[derive(Clone, Debug)]
pub struct StartConfiguration {
    /// What the secrets are called.
    pub fleet: FleetConfiguration,
    /// `MINIMUM_ROTATION_INTERVAL_SECONDS`: no rotation begins sooner after the last one's end, 0 to 604800
    /// seconds.
    pub minimum_interval: Duration,
}

impl StartConfiguration {
    /// Reads the variables.
    ///
    /// # Errors
    /// If one is missing or malformed.
    pub fn from_environment() -> Result<Self, ConfigurationError> {
        let fleet = FleetConfiguration::from_environment()?;
        let mut environment = Environment::new();
        let seconds = environment.within("MINIMUM_ROTATION_INTERVAL_SECONDS", 0..=604_800);
        let configuration = seconds.map(|seconds| Self {
            fleet,
            minimum_interval: Duration::from_secs(seconds.into()),
        });
        environment.finish(configuration)
    }
}

/// How instances are deprovisioned.
#[derive(Clone, Debug)]
pub struct DeprovisionConfiguration {
    /// What the secrets are called.
    pub fleet: FleetConfiguration,
    /// `RECOVERY_WINDOW_DAYS`: for how long the deleted secrets can be restored, 7 to 30 days.
    pub recovery_window_days: u8,
    /// `LONGEST_STEP_SECONDS`: how long a rotation's step, and the function that it called, can still run
    /// when the rotation is cancelled.
    pub longest_step_seconds: u32,
}

impl DeprovisionConfiguration {
    /// Reads the variables.
    ///
    /// # Errors
    /// If one is missing or malformed.
    pub fn from_environment() -> Result<Self, ConfigurationError> {
        let fleet = FleetConfiguration::from_environment()?;
        let mut environment = Environment::new();
        let days = environment.within("RECOVERY_WINDOW_DAYS", 7..=30);
        let longest_step_seconds = environment.within("LONGEST_STEP_SECONDS", 1..=1800);
        let configuration = (|| {
            Some(Self {
                fleet,
                recovery_window_days: u8::try_from(days?).ok()?,
                longest_step_seconds: longest_step_seconds?,
            })
        })();
        environment.finish(configuration)
    }
}
