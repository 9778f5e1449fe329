// Made from infra/template.yaml by `cargo xtask infra`: change that, not this.

/** The template's parameters. */
export interface Parameters {
  /** What the names of the administrators' secrets (masterarn) begin with. */
  readonly administratorSecretNamePrefix?: string;
  /** The SNS topic that is told of every alarm. Empty for none. */
  readonly alarmTopicArn?: string;
  /** Whether the http engine may ask a service at a private address: one in the VPC. The databases' engines always may. */
  readonly allowPrivateAddresses?: string;
  /** The functions' processor. It must be the one that the functions were built for. */
  readonly architecture?: string;
  /** Name and version of a Lambda layer of this account and region, with the file ca-bundle.pem: root certificates to trust at the add-on's service besides Mozilla's, such as those of Amazon RDS. Empty for none. */
  readonly caBundleLayer?: string;
  /** Whether each step is measured, throttling and time-outs have alarms, and there is a dashboard. What tells of credentials that live too long is always there. Metrics, alarms and the dashboard cost the same for any number of instances. */
  readonly detailedMetrics?: string;
  /** How long an old credential works on after the new one is current, in seconds. Heroku asks for one to two hours, since dynos in Private Spaces restart slowly. One secret may have another by its tag rotation:revoke-after. A change holds from the next rotation on. */
  readonly gracePeriodSeconds?: number;
  /** The base of Heroku's partner APIs. Another than the default only for a test stand. */
  readonly herokuApiUrl?: string;
  /** Heroku's token endpoint. Another than the default only for a test stand. */
  readonly herokuOauthUrl?: string;
  /** For how long at most a revocation waits while sessions are open with the old credential, in seconds; 0 for not at all. One secret may have another by its tag rotation:hold-while-in-use. A leaked credential lives that much longer. */
  readonly holdWhileInUseSeconds?: number;
  /** A customer-managed KMS key for the functions' logs, whose policy lets CloudWatch Logs use it. Empty for CloudWatch Logs' own encryption. */
  readonly logKmsKeyArn?: string;
  /** How long the functions' logs are kept, in days. They hold no secret value. */
  readonly logRetentionInDays?: number;
  /** How soon after the end of an instance's last rotation start-rotation begins another. Each restarts the dynos of the customer's apps. */
  readonly minimumRotationIntervalSeconds?: number;
  /** What the names of the add-on instances' OAuth secrets (v3) begin with. */
  readonly oauthSecretNamePrefix?: string;
  /** The ARN of the add-on service's own secret: id and password of the manifest (v1), client_secret (v3). */
  readonly partnerSecretArn: string;
  /** For how many days the secrets that deprovision-addon deletes can be restored. */
  readonly recoveryWindowInDays?: number;
  /** How many rotations and revocations run at once at most, and always can: the reserved concurrency of each function. 0 reserves none. Lambda keeps 100 of the account's concurrency unreserved. */
  readonly reservedConcurrentExecutions?: number;
  /** How often enroll-addon has an instance rotated, in days, unless it is told otherwise. A change holds for instances that are enrolled afterwards. */
  readonly rotationDays?: number;
  /** What the names of all rotating secrets begin with, and no other secret's. The three prefixes must not begin with one another. Each rotating secret also needs the tag rotation:stack with this stack's name. */
  readonly secretNamePrefix?: string;
  /** The customer-managed KMS key under which the secrets are encrypted. Empty for the AWS managed key aws/secretsmanager. The key's policy must leave its use to IAM (the default does). */
  readonly secretsKmsKeyArn?: string;
  /** The security groups of the functions in these subnets; at least one if there are subnets. */
  readonly securityGroupIds?: readonly string[];
  /** Subnets for create-secret, test-secret, revoke-secret, enroll-addon and deprovision-addon, which reach the add-on's service. Empty if the service is reached over the internet. They need a way to Secrets Manager, EventBridge Scheduler and api.heroku.com (a NAT gateway). */
  readonly subnetIds?: readonly string[];
  /** Active records each invocation in AWS X-Ray. */
  readonly tracing?: string;
}

/** What the template calls each. */
export const PARAMETERS: Readonly<Record<keyof Parameters, string>> = {
  administratorSecretNamePrefix: 'AdministratorSecretNamePrefix',
  alarmTopicArn: 'AlarmTopicArn',
  allowPrivateAddresses: 'AllowPrivateAddresses',
  architecture: 'Architecture',
  caBundleLayer: 'CaBundleLayer',
  detailedMetrics: 'DetailedMetrics',
  gracePeriodSeconds: 'GracePeriodSeconds',
  herokuApiUrl: 'HerokuApiUrl',
  herokuOauthUrl: 'HerokuOAuthUrl',
  holdWhileInUseSeconds: 'HoldWhileInUseSeconds',
  logKmsKeyArn: 'LogKmsKeyArn',
  logRetentionInDays: 'LogRetentionInDays',
  minimumRotationIntervalSeconds: 'MinimumRotationIntervalSeconds',
  oauthSecretNamePrefix: 'OAuthSecretNamePrefix',
  partnerSecretArn: 'PartnerSecretArn',
  recoveryWindowInDays: 'RecoveryWindowInDays',
  reservedConcurrentExecutions: 'ReservedConcurrentExecutions',
  rotationDays: 'RotationDays',
  secretNamePrefix: 'SecretNamePrefix',
  secretsKmsKeyArn: 'SecretsKmsKeyArn',
  securityGroupIds: 'SecurityGroupIds',
  subnetIds: 'SubnetIds',
  tracing: 'Tracing',
};

/** The template's outputs. */
export type OutputName =
  | 'DashboardUrl'
  | 'DeadLetterQueueUrl'
  | 'DeadLetterRedriveId'
  | 'DeprovisionAddonFunctionArn'
  | 'DeprovisionDeadLetterQueueUrl'
  | 'DeprovisionPolicyArn'
  | 'EnrolCommand'
  | 'EnrollAddonFunctionArn'
  | 'EnrollPolicyArn'
  | 'OperatorPolicyArn'
  | 'RecoverPolicyArn'
  | 'RotationFunctionArn'
  | 'ScheduleGroupName'
  | 'StartRotationFunctionArn'
  | 'StartRotationPolicyArn'
  | 'TagCommand';
