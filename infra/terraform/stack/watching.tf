# Made from infra/template.yaml, which says why, by `cargo xtask infra`: change that, not this.

resource "aws_cloudwatch_dashboard" "dashboard" {
  count = local.is_detailed ? 1 : 0

  dashboard_name = "${var.stack_name}-${local.region}"
  dashboard_body = <<-EOT
    {
      "widgets": [
        {"type": "alarm", "x": 0, "y": 0, "width": 24, "height": 3, "properties": {"title": "Alarms", "alarms": ["arn:${local.partition}:cloudwatch:${local.region}:${local.account_id}:alarm:${var.stack_name}-rotation-failed", "arn:${local.partition}:cloudwatch:${local.region}:${local.account_id}:alarm:${var.stack_name}-publication-failed", "arn:${local.partition}:cloudwatch:${local.region}:${local.account_id}:alarm:${var.stack_name}-revocation-overdue", "arn:${local.partition}:cloudwatch:${local.region}:${local.account_id}:alarm:${var.stack_name}-revocation-impossible", "arn:${local.partition}:cloudwatch:${local.region}:${local.account_id}:alarm:${var.stack_name}-sweep-missing", "arn:${local.partition}:cloudwatch:${local.region}:${local.account_id}:alarm:${var.stack_name}-dead-letter-queue-not-empty", "arn:${local.partition}:cloudwatch:${local.region}:${local.account_id}:alarm:${var.stack_name}-heroku-throttled", "arn:${local.partition}:cloudwatch:${local.region}:${local.account_id}:alarm:${var.stack_name}-rotate-throttled", "arn:${local.partition}:cloudwatch:${local.region}:${local.account_id}:alarm:${var.stack_name}-refresh-token-lost", "arn:${local.partition}:cloudwatch:${local.region}:${local.account_id}:alarm:${var.stack_name}-deprovisioning-given-up"]}},
        {"type": "metric", "x": 0, "y": 3, "width": 12, "height": 6, "properties": {"title": "Per day", "region": "${local.region}", "view": "singleValue", "stat": "Sum", "period": 86400, "setPeriodToTimeRange": false, "sparkline": true, "metrics": [
          ["HerokuAddonRotation", "Succeeded", "Function", "${var.stack_name}-rotate", "Step", "finishSecret", {"label": "rotated"}],
          ["HerokuAddonRotation", "ConfigChanged", "Stack", "${var.stack_name}", {"label": "releases at Heroku"}],
          ["HerokuAddonRotation", "CredentialRevoked", "Stack", "${var.stack_name}", {"label": "old credentials revoked"}],
          ["HerokuAddonRotation", "Vouched", "Stack", "${var.stack_name}", {"label": "issued on an operator's word"}],
          ["HerokuAddonRotation", "Succeeded", "Function", "${var.stack_name}-enroll-addon", "Step", "enrollAddon", {"label": "enrolments"}]
        ]}},
        {"type": "metric", "x": 12, "y": 3, "width": 12, "height": 6, "properties": {"title": "Pending revocations", "region": "${local.region}", "view": "timeSeries", "stat": "Maximum", "period": 3600, "metrics": [
          ["HerokuAddonRotation", "RevocationsWaiting", "Stack", "${var.stack_name}", {"label": "waiting"}],
          ["HerokuAddonRotation", "RevocationsOverdue", "Stack", "${var.stack_name}", {"label": "overdue"}],
          ["HerokuAddonRotation", "RevocationsUnscheduled", "Stack", "${var.stack_name}", {"label": "found without a schedule"}]
        ]}},
        {"type": "metric", "x": 0, "y": 9, "width": 12, "height": 6, "properties": {"title": "How long a step takes (p50, p99)", "region": "${local.region}", "view": "timeSeries", "stat": "p50", "period": 3600, "yAxis": {"left": {"label": "ms", "min": 0}}, "metrics": [
          ["HerokuAddonRotation", "Duration", "Function", "${var.stack_name}-rotate", "Step", "createSecret", {"stat": "p50", "label": "createSecret p50"}],
          ["HerokuAddonRotation", "Duration", "Function", "${var.stack_name}-rotate", "Step", "createSecret", {"stat": "p99", "label": "createSecret p99"}],
          ["HerokuAddonRotation", "Duration", "Function", "${var.stack_name}-rotate", "Step", "setSecret", {"stat": "p50", "label": "setSecret p50"}],
          ["HerokuAddonRotation", "Duration", "Function", "${var.stack_name}-rotate", "Step", "setSecret", {"stat": "p99", "label": "setSecret p99"}],
          ["HerokuAddonRotation", "Duration", "Function", "${var.stack_name}-rotate", "Step", "testSecret", {"stat": "p50", "label": "testSecret p50"}],
          ["HerokuAddonRotation", "Duration", "Function", "${var.stack_name}-rotate", "Step", "testSecret", {"stat": "p99", "label": "testSecret p99"}],
          ["HerokuAddonRotation", "Duration", "Function", "${var.stack_name}-rotate", "Step", "finishSecret", {"stat": "p50", "label": "finishSecret p50"}],
          ["HerokuAddonRotation", "Duration", "Function", "${var.stack_name}-rotate", "Step", "finishSecret", {"stat": "p99", "label": "finishSecret p99"}],
          ["HerokuAddonRotation", "Duration", "Function", "${var.stack_name}-revoke-secret", "Step", "revokeSecret", {"stat": "p99", "label": "revokeSecret p99"}],
          ["HerokuAddonRotation", "Duration", "Function", "${var.stack_name}-sweep", "Step", "sweep", {"stat": "p99", "label": "sweep p99"}],
          ["HerokuAddonRotation", "Duration", "Function", "${var.stack_name}-start-rotation", "Step", "startRotation", {"stat": "p99", "label": "startRotation p99"}],
          ["HerokuAddonRotation", "Duration", "Function", "${var.stack_name}-enroll-addon", "Step", "enrollAddon", {"stat": "p99", "label": "enrollAddon p99"}],
          ["HerokuAddonRotation", "Duration", "Function", "${var.stack_name}-deprovision-addon", "Step", "deprovisionAddon", {"stat": "p99", "label": "deprovisionAddon p99"}]
        ]}},
        {"type": "metric", "x": 12, "y": 9, "width": 12, "height": 6, "properties": {"title": "Longest wait", "region": "${local.region}", "view": "timeSeries", "stat": "Maximum", "period": 3600, "yAxis": {"left": {"min": 0}}, "metrics": [
          ["HerokuAddonRotation", "LongestWait", "Stack", "${var.stack_name}", {"label": "seconds"}]
        ]}},
        {"type": "metric", "x": 0, "y": 15, "width": 12, "height": 6, "properties": {"title": "Failed steps", "region": "${local.region}", "view": "timeSeries", "stat": "Sum", "period": 3600, "stacked": true, "metrics": [
          ["HerokuAddonRotation", "Failed", "Function", "${var.stack_name}-rotate", "Step", "createSecret", {"label": "rotate createSecret"}],
          ["HerokuAddonRotation", "Failed", "Function", "${var.stack_name}-rotate", "Step", "setSecret", {"label": "rotate setSecret"}],
          ["HerokuAddonRotation", "Failed", "Function", "${var.stack_name}-rotate", "Step", "testSecret", {"label": "rotate testSecret"}],
          ["HerokuAddonRotation", "Failed", "Function", "${var.stack_name}-rotate", "Step", "finishSecret", {"label": "rotate finishSecret"}],
          ["HerokuAddonRotation", "Failed", "Function", "${var.stack_name}-create-secret", "Step", "createSecret", {"label": "create-secret"}],
          ["HerokuAddonRotation", "Failed", "Function", "${var.stack_name}-publish-to-heroku", "Step", "setSecret", {"label": "publish-to-heroku"}],
          ["HerokuAddonRotation", "Failed", "Function", "${var.stack_name}-test-secret", "Step", "testSecret", {"label": "test-secret"}],
          ["HerokuAddonRotation", "Failed", "Function", "${var.stack_name}-test-secret", "Step", "createSecret", {"label": "test-secret, of a rollback"}],
          ["HerokuAddonRotation", "Failed", "Function", "${var.stack_name}-finish-secret", "Step", "finishSecret", {"label": "finish-secret"}],
          ["HerokuAddonRotation", "Failed", "Function", "${var.stack_name}-revoke-secret", "Step", "revokeSecret", {"label": "revoke-secret"}],
          ["HerokuAddonRotation", "Failed", "Function", "${var.stack_name}-sweep", "Step", "sweep", {"label": "sweep"}],
          ["HerokuAddonRotation", "Failed", "Function", "${var.stack_name}-start-rotation", "Step", "startRotation", {"label": "start-rotation"}],
          ["HerokuAddonRotation", "Failed", "Function", "${var.stack_name}-enroll-addon", "Step", "enrollAddon", {"label": "enroll-addon"}],
          ["HerokuAddonRotation", "Failed", "Function", "${var.stack_name}-deprovision-addon", "Step", "deprovisionAddon", {"label": "deprovision-addon"}]
        ]}},
        {"type": "log", "x": 12, "y": 15, "width": 12, "height": 6, "properties": {"title": "Pending revocations by version", "region": "${local.region}", "view": "table", "query": "SOURCE '/aws/lambda/${var.stack_name}-sweep' | fields secret, version, since, overdue, scheduled | filter message = 'waits for revocation' | sort @timestamp desc | dedup version"}},
        {"type": "metric", "x": 0, "y": 21, "width": 12, "height": 6, "properties": {"title": "How long the called functions take (p99)", "region": "${local.region}", "view": "timeSeries", "stat": "p99", "period": 3600, "yAxis": {"left": {"label": "ms", "min": 0}}, "metrics": [
          ["HerokuAddonRotation", "Duration", "Function", "${var.stack_name}-create-secret", "Step", "createSecret", {"label": "create-secret"}],
          ["HerokuAddonRotation", "Duration", "Function", "${var.stack_name}-publish-to-heroku", "Step", "setSecret", {"label": "publish-to-heroku"}],
          ["HerokuAddonRotation", "Duration", "Function", "${var.stack_name}-test-secret", "Step", "testSecret", {"label": "test-secret"}],
          ["HerokuAddonRotation", "Duration", "Function", "${var.stack_name}-test-secret", "Step", "createSecret", {"label": "test-secret, of a rollback"}],
          ["HerokuAddonRotation", "Duration", "Function", "${var.stack_name}-finish-secret", "Step", "finishSecret", {"label": "finish-secret"}]
        ]}},
        {"type": "metric", "x": 12, "y": 21, "width": 12, "height": 6, "properties": {"title": "Postponed and failed revocations", "region": "${local.region}", "view": "timeSeries", "stat": "Sum", "period": 3600, "metrics": [
          ["HerokuAddonRotation", "RevocationPostponed", "Stack", "${var.stack_name}", {"label": "postponed"}],
          ["HerokuAddonRotation", "RevocationImpossible", "Stack", "${var.stack_name}", {"label": "impossible: secret deleted"}],
          ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "${var.stack_name}-dead-letter-queue", {"stat": "Maximum", "label": "in the dead-letter queue"}],
          ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", "${var.stack_name}-deprovision-dead-letter-queue", {"stat": "Maximum", "label": "deprovisionings given up"}]
        ]}},
        {"type": "metric", "x": 0, "y": 27, "width": 12, "height": 6, "properties": {"title": "Throttled", "region": "${local.region}", "view": "timeSeries", "stat": "Sum", "period": 300, "metrics": [
          ["HerokuAddonRotation", "HerokuThrottled", "Stack", "${var.stack_name}", {"label": "Heroku"}],
          ["AWS/Lambda", "Throttles", "FunctionName", "${var.stack_name}-rotate", {"label": "Lambda: rotate"}],
          ["AWS/Lambda", "Throttles", "FunctionName", "${var.stack_name}-create-secret", {"label": "Lambda: create-secret"}],
          ["AWS/Lambda", "Throttles", "FunctionName", "${var.stack_name}-publish-to-heroku", {"label": "Lambda: publish-to-heroku"}],
          ["AWS/Lambda", "Throttles", "FunctionName", "${var.stack_name}-test-secret", {"label": "Lambda: test-secret"}],
          ["AWS/Lambda", "Throttles", "FunctionName", "${var.stack_name}-finish-secret", {"label": "Lambda: finish-secret"}],
          ["AWS/Lambda", "Throttles", "FunctionName", "${var.stack_name}-revoke-secret", {"label": "Lambda: revoke-secret"}],
          ["AWS/Lambda", "Throttles", "FunctionName", "${var.stack_name}-sweep", {"label": "Lambda: sweep"}],
          ["AWS/Lambda", "Throttles", "FunctionName", "${var.stack_name}-start-rotation", {"label": "Lambda: start-rotation"}],
          ["AWS/Lambda", "Throttles", "FunctionName", "${var.stack_name}-enroll-addon", {"label": "Lambda: enroll-addon"}],
          ["AWS/Lambda", "Throttles", "FunctionName", "${var.stack_name}-deprovision-addon", {"label": "Lambda: deprovision-addon"}]
        ]}},
        {"type": "metric", "x": 12, "y": 27, "width": 12, "height": 6, "properties": {"title": "Succeeded", "region": "${local.region}", "view": "timeSeries", "stat": "Sum", "period": 3600, "stacked": true, "metrics": [
          ["HerokuAddonRotation", "Succeeded", "Function", "${var.stack_name}-rotate", "Step", "createSecret", {"label": "rotate createSecret"}],
          ["HerokuAddonRotation", "Succeeded", "Function", "${var.stack_name}-rotate", "Step", "setSecret", {"label": "rotate setSecret"}],
          ["HerokuAddonRotation", "Succeeded", "Function", "${var.stack_name}-rotate", "Step", "testSecret", {"label": "rotate testSecret"}],
          ["HerokuAddonRotation", "Succeeded", "Function", "${var.stack_name}-create-secret", "Step", "createSecret", {"label": "create-secret createSecret"}],
          ["HerokuAddonRotation", "Succeeded", "Function", "${var.stack_name}-publish-to-heroku", "Step", "setSecret", {"label": "publish-to-heroku setSecret"}],
          ["HerokuAddonRotation", "Succeeded", "Function", "${var.stack_name}-test-secret", "Step", "testSecret", {"label": "test-secret testSecret"}],
          ["HerokuAddonRotation", "Succeeded", "Function", "${var.stack_name}-test-secret", "Step", "createSecret", {"label": "test-secret, of a rollback"}],
          ["HerokuAddonRotation", "Succeeded", "Function", "${var.stack_name}-finish-secret", "Step", "finishSecret", {"label": "finish-secret finishSecret"}],
          ["HerokuAddonRotation", "Succeeded", "Function", "${var.stack_name}-revoke-secret", "Step", "revokeSecret", {"label": "revoke-secret revokeSecret"}],
          ["HerokuAddonRotation", "Succeeded", "Function", "${var.stack_name}-sweep", "Step", "sweep", {"label": "sweep sweep"}],
          ["HerokuAddonRotation", "Succeeded", "Function", "${var.stack_name}-start-rotation", "Step", "startRotation", {"label": "start-rotation startRotation"}],
          ["HerokuAddonRotation", "Succeeded", "Function", "${var.stack_name}-enroll-addon", "Step", "enrollAddon", {"label": "enroll-addon enrollAddon"}],
          ["HerokuAddonRotation", "Succeeded", "Function", "${var.stack_name}-deprovision-addon", "Step", "deprovisionAddon", {"label": "deprovision-addon deprovisionAddon"}]
        ]}}
      ]
    }
  EOT
}

resource "aws_cloudwatch_metric_alarm" "dead_letter_queue_not_empty" {
  alarm_name        = "${var.stack_name}-dead-letter-queue-not-empty"
  alarm_description = "Revocations failed for a day, or their events were not delivered. Correct the cause, then enable the redrive."
  namespace         = "AWS/SQS"
  metric_name       = "ApproximateNumberOfMessagesVisible"
  dimensions = {
    QueueName = "${var.stack_name}-dead-letter-queue"
  }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.has_alarm_topic ? [var.alarm_topic_arn] : null
  ok_actions          = local.has_alarm_topic ? [var.alarm_topic_arn] : null
}

resource "aws_cloudwatch_metric_alarm" "deprovisioning_given_up" {
  alarm_name        = "${var.stack_name}-deprovisioning-given-up"
  alarm_description = "An instance was not deprovisioned within a day, or an event was not delivered. The service may still accept its credentials. Correct the cause that the message names, and invoke deprovision-addon again."
  namespace         = "AWS/SQS"
  metric_name       = "ApproximateNumberOfMessagesVisible"
  dimensions = {
    QueueName = "${var.stack_name}-deprovision-dead-letter-queue"
  }
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.has_alarm_topic ? [var.alarm_topic_arn] : null
  ok_actions          = local.has_alarm_topic ? [var.alarm_topic_arn] : null
}

resource "aws_cloudwatch_metric_alarm" "heroku_throttled" {
  count = local.is_detailed ? 1 : 0

  alarm_name        = "${var.stack_name}-heroku-throttled"
  alarm_description = "Heroku answers 429: the account's requests for this hour are used up. Spread the rotation schedules."
  namespace         = "HerokuAddonRotation"
  metric_name       = "HerokuThrottled"
  dimensions = {
    Stack = var.stack_name
  }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.has_alarm_topic ? [var.alarm_topic_arn] : null
  ok_actions          = local.has_alarm_topic ? [var.alarm_topic_arn] : null
}

resource "aws_cloudwatch_metric_alarm" "publication_failed" {
  count = local.is_detailed ? 1 : 0

  alarm_name        = "${var.stack_name}-publication-failed"
  alarm_description = "A new credential could not be published to Heroku. The apps have the old one, which works. Look in the log of publish-to-heroku."
  namespace         = "HerokuAddonRotation"
  metric_name       = "Failed"
  dimensions = {
    Function = "${var.stack_name}-publish-to-heroku"
    Step     = "setSecret"
  }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.has_alarm_topic ? [var.alarm_topic_arn] : null
  ok_actions          = local.has_alarm_topic ? [var.alarm_topic_arn] : null
}

resource "aws_cloudwatch_metric_alarm" "refresh_token_lost" {
  alarm_name        = "${var.stack_name}-refresh-token-lost"
  alarm_description = "A refresh token that Heroku had renewed could not be stored. The add-on's credential can no longer be rotated if Heroku refuses the old token. Search the functions' logs for RefreshTokenLost."
  namespace         = "HerokuAddonRotation"
  metric_name       = "RefreshTokenLost"
  dimensions = {
    Stack = var.stack_name
  }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.has_alarm_topic ? [var.alarm_topic_arn] : null
  ok_actions          = local.has_alarm_topic ? [var.alarm_topic_arn] : null
}

resource "aws_cloudwatch_metric_alarm" "revocation_impossible" {
  alarm_name        = "${var.stack_name}-revocation-impossible"
  alarm_description = "A secret was deleted while its credentials are alive. Restore the secret, or end the credentials at the service by hand. Look in the logs of sweep and revoke-secret."
  namespace         = "HerokuAddonRotation"
  metric_name       = "RevocationImpossible"
  dimensions = {
    Stack = var.stack_name
  }
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.has_alarm_topic ? [var.alarm_topic_arn] : null
  ok_actions          = local.has_alarm_topic ? [var.alarm_topic_arn] : null
}

resource "aws_cloudwatch_metric_alarm" "revocation_overdue" {
  alarm_name        = "${var.stack_name}-revocation-overdue"
  alarm_description = "An old credential is not revoked an hour after its grace period. The log of sweep names it, the log of revoke-secret says why."
  namespace         = "HerokuAddonRotation"
  metric_name       = "RevocationsOverdue"
  dimensions = {
    Stack = var.stack_name
  }
  statistic           = "Maximum"
  period              = 3600
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.has_alarm_topic ? [var.alarm_topic_arn] : null
  ok_actions          = local.has_alarm_topic ? [var.alarm_topic_arn] : null
}

resource "aws_cloudwatch_metric_alarm" "rotate_throttled" {
  count = local.is_detailed ? 1 : 0

  alarm_name        = "${var.stack_name}-rotate-throttled"
  alarm_description = "Lambda throttles rotate. Raise ReservedConcurrentExecutions or the account's concurrency, or spread the rotation schedules."
  namespace         = "AWS/Lambda"
  metric_name       = "Throttles"
  dimensions = {
    FunctionName = "${var.stack_name}-rotate"
  }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.has_alarm_topic ? [var.alarm_topic_arn] : null
  ok_actions          = local.has_alarm_topic ? [var.alarm_topic_arn] : null
}

resource "aws_cloudwatch_metric_alarm" "rotation_failed" {
  alarm_name        = "${var.stack_name}-rotation-failed"
  alarm_description = "A step of a rotation failed. The old credential is current and works. Secrets Manager retries the rotation. Look in the log of rotate: it names the cause, the secret and what to do."
  namespace         = "AWS/Lambda"
  metric_name       = "Errors"
  dimensions = {
    FunctionName = "${var.stack_name}-rotate"
  }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.has_alarm_topic ? [var.alarm_topic_arn] : null
  ok_actions          = local.has_alarm_topic ? [var.alarm_topic_arn] : null
}

resource "aws_cloudwatch_metric_alarm" "sweep_missing" {
  alarm_name        = "${var.stack_name}-sweep-missing"
  alarm_description = "No sweep succeeded for three hours, so old credentials are not checked. Look in the log of sweep. A new stack is in this alarm until its first sweep."
  namespace         = "HerokuAddonRotation"
  metric_name       = "Succeeded"
  dimensions = {
    Function = "${var.stack_name}-sweep"
    Step     = "sweep"
  }
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = 3
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = local.has_alarm_topic ? [var.alarm_topic_arn] : null
  ok_actions          = local.has_alarm_topic ? [var.alarm_topic_arn] : null
}
