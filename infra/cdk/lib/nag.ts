import { Aspects, CfnResource, type IAspect, Validations } from 'aws-cdk-lib';
import { CfnManagedPolicy, CfnRole } from 'aws-cdk-lib/aws-iam';
import { CfnQueue } from 'aws-cdk-lib/aws-sqs';
import { type IConstruct } from 'constructs';

import { PARAMETERS, type Parameters } from './parameters';

const ACCOUNT = '<AWS::Region>:<AWS::AccountId>';
const INSTANCES =
  'Each instance has a secret of its own. Which ones is bound by the tag of the stack and by the rotation function, in conditions.';
const SERVERS = "Each of the service's servers has an administrator's secret of its own.";
const TOKENS = "Each v3 instance has a secret of its own for its token. Which ones is bound by the tag of the stack, in a condition.";
const SCHEDULES = "Each revocation has a schedule of its own, in the stack's group.";

/** Wildcards that AWS's own rules ask a reason for. Any other is still reported. */
function wildcards(parameters: Partial<Parameters>): [string, string][] {
  const prefix = (name: 'secretNamePrefix' | 'administratorSecretNamePrefix' | 'oauthSecretNamePrefix') =>
    `secretsmanager:${ACCOUNT}:secret:${parameters[name] ?? `<${PARAMETERS[name]}>`}*`;
  return [
    [prefix('secretNamePrefix'), INSTANCES],
    [prefix('administratorSecretNamePrefix'), SERVERS],
    [prefix('oauthSecretNamePrefix'), TOKENS],
    [`scheduler:${ACCOUNT}:schedule/<ScheduleGroup>/revoke-*`, SCHEDULES],
    [`scheduler:${ACCOUNT}:schedule/<ScheduleGroup>/deprovision-*`, SCHEDULES],
  ];
}

const FUNCTIONS = [
  'create-secret',
  'deprovision-addon',
  'enroll-addon',
  'finish-secret',
  'publish-to-heroku',
  'revoke-secret',
  'rotate',
  'start-rotation',
  'sweep',
  'test-secret',
];

/** Says why the template is as it is where cdk-nag's AWS Solutions rules ask. The reasons are the template's own. */
export function acknowledgeFindings(scope: IConstruct, parameters: Partial<Parameters>): void {
  const aspect: IAspect = {
    visit(node) {
      if (node instanceof CfnRole || node instanceof CfnManagedPolicy) {
        acknowledgeWildcards(node, parameters);
      } else if (node instanceof CfnQueue) {
        Validations.of(node).acknowledge(
          { id: 'AwsSolutions-SQS3', reason: 'It is a dead-letter queue: of Lambda and of EventBridge Scheduler.' },
          {
            id: 'AwsSolutions-SQS4',
            reason: 'AWS services alone send to it and take from it, over TLS. Its messages hold ids, no secret value.',
          },
        );
      }
    },
  };
  Aspects.of(scope).add(aspect);
}

function acknowledgeWildcards(resource: CfnResource, parameters: Partial<Parameters>): void {
  const acknowledge = (wildcard: string, reason: string) =>
    Validations.of(resource).acknowledge({ id: `AwsSolutions-IAM5[Resource::${wildcard}]`, reason });
  acknowledge('*', 'The actions have no resource type: they list, and show no value.');
  for (const [arn, reason] of wildcards(parameters)) {
    acknowledge(`arn:<AWS::Partition>:${arn}`, reason);
  }
  for (const name of FUNCTIONS) {
    const group = `/aws/lambda/<AWS::StackName>-${name}`;
    acknowledge(
      `arn:<AWS::Partition>:logs:${ACCOUNT}:log-group:${group}:*`,
      "The log streams' names are Lambda's to choose; the group is the function's own.",
    );
  }
}
