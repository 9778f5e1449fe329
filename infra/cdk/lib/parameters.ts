// Made from infra/template.yaml by `cargo xtask infra`: change that, not this.

/** The template's parameters. */
export interface Parameters {
  /** The prefix of the names of the administrators' secrets (masterarn). */
  readonly administratorSecretNamePrefix?: string;
  /** The SNS topic that receives every alarm. Empty for none. */
  readonly alarmTopicArn?: string;
  /** Whether the http engine may ask a service at a private address: one in the VPC. The databases' engines always may. */
  readonly allowPrivateAddresses?: string;
  /** The functions' processor. It must be the one that the functions were built for. */
  readonly architecture?: string;
  /** Name and version of a Lambda layer of this account and region, with the file ca-bundle.pem: root certificates to trust at the add-on's service besides Mozilla's, such as those of Amazon RDS. Empty for none. */
  readonly caBundleLayer?: string;
  /** Whether each step is measured, throttling has alarms, and there is a dashboard. What tells of credentials that live too long is always there. Metrics, alarms and the dashboard cost the same for any number of instances. */
  readonly detailedMetrics?: string;
  /** How long an old credential works after the new one is current, in seconds. Heroku asks for one to two hours: dynos in Private Spaces restart slowly. The tag rotation:revoke-after sets it for one secret. A change applies from the next rotation on. */
  readonly gracePeriodSeconds?: number;
  /** The base URL of Heroku's partner APIs. Change it for test stands only. */
  readonly herokuApiUrl?: string;
  /** Heroku's token endpoint. Change it for test stands only. */
  readonly herokuOauthUrl?: string;
  /** The longest that a revocation waits while sessions are open with the old credential, in seconds. 0 switches waiting off. The tag rotation:hold-while-in-use sets it for one secret. A leaked credential works that much longer. */
  readonly holdWhileInUseSeconds?: number;
  /** A customer-managed KMS key for the functions' logs, whose policy lets CloudWatch Logs use it. Empty for CloudWatch Logs' own encryption. */
  readonly logKmsKeyArn?: string;
  /** How long the functions' logs are kept, in days. They hold no secret value. */
  readonly logRetentionInDays?: number;
  /** The shortest time from an instance's last rotation until start-rotation starts another. Each restarts the dynos of the customer's apps. */
  readonly minimumRotationIntervalSeconds?: number;
  /** The prefix of the names of the secrets in which a version before 0.2 kept refresh tokens (v3). */
  readonly oauthSecretNamePrefix?: string;
  /** The ARN of the add-on service's own secret: id and password of the manifest (v1), client_secret (v3). */
  readonly partnerSecretArn: string;
  /** The recovery window of the secrets that deprovision-addon deletes, in days. */
  readonly recoveryWindowInDays?: number;
  /** The reserved concurrency of each function: how many rotations and revocations run at the same time at most, and always can. 0 reserves none. Lambda keeps 100 of the account's concurrency unreserved. */
  readonly reservedConcurrentExecutions?: number;
  /** How often Secrets Manager rotates an instance, in days, unless its enrolment says otherwise. A change applies to instances that are enrolled afterwards. */
  readonly rotationDays?: number;
  /** The prefix of the names of all rotating secrets, and of no others. None of the three prefixes can begin with another. Each rotating secret also needs the tag rotation:stack with this stack's name. */
  readonly secretNamePrefix?: string;
  /** The customer-managed KMS key that encrypts the secrets. Empty for the AWS managed key aws/secretsmanager. The key's policy must leave its use to IAM (the default does). */
  readonly secretsKmsKeyArn?: string;
  /** The security groups of the functions in these subnets; at least one if there are subnets. */
  readonly securityGroupIds?: readonly string[];
  /** Subnets for create-secret, test-secret, revoke-secret, enroll-addon and deprovision-addon, which reach the add-on's service. Empty if the service is reached over the internet. They need a way to Secrets Manager, Lambda, EventBridge, EventBridge Scheduler, api.heroku.com and id.heroku.com (a NAT gateway). */
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
