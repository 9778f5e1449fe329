# Made from infra/template.yaml, which says why, by `cargo xtask infra`: change that, not this.

locals {
  account_id               = data.aws_caller_identity.current.account_id
  dns_suffix               = data.aws_partition.current.dns_suffix
  partition                = data.aws_partition.current.partition
  region                   = data.aws_region.current.name
  has_alarm_topic          = var.alarm_topic_arn != ""
  has_ca_bundle            = var.ca_bundle_layer != ""
  has_log_kms_key          = var.log_kms_key_arn != ""
  has_reserved_concurrency = var.reserved_concurrent_executions != 0
  has_secrets_kms_key      = var.secrets_kms_key_arn != ""
  is_detailed              = var.detailed_metrics == "true"
  is_in_vpc                = join("", var.subnet_ids) != ""
  is_traced                = var.tracing == "Active"
}

resource "aws_lambda_function" "create_secret" {
  function_name                  = "${var.stack_name}-create-secret"
  description                    = "createSecret: issues the stored credential at the service, and checks it."
  filename                       = "${var.package_directory}/create-secret.zip"
  source_code_hash               = filebase64sha256("${var.package_directory}/create-secret.zip")
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  memory_size                    = 256
  timeout                        = 60
  reserved_concurrent_executions = local.has_reserved_concurrency ? var.reserved_concurrent_executions : null
  layers = local.has_ca_bundle ? [
    "arn:${local.partition}:lambda:${local.region}:${local.account_id}:layer:${var.ca_bundle_layer}",
  ] : null
  role = aws_iam_role.create_secret.arn

  environment {
    variables = { for name, value in {
      ADMINISTRATOR_SECRET_NAME_PREFIX = var.administrator_secret_name_prefix
      ALLOW_PRIVATE_ADDRESSES          = var.allow_private_addresses
      CA_BUNDLE_FILE                   = local.has_ca_bundle ? "/opt/ca-bundle.pem" : null
      DETAILED_METRICS                 = var.detailed_metrics
      OAUTH_SECRET_NAME_PREFIX         = var.oauth_secret_name_prefix
      SECRET_NAME_PREFIX               = var.secret_name_prefix
      STACK_NAME                       = var.stack_name
    } : name => value if value != null }
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.create_secret.name
  }

  tracing_config {
    mode = var.tracing
  }

  dynamic "vpc_config" {
    for_each = local.is_in_vpc ? [true] : []

    content {
      subnet_ids         = var.subnet_ids
      security_group_ids = var.security_group_ids
    }
  }

  depends_on = [aws_iam_role_policy.create_secret]
}

resource "aws_cloudwatch_log_group" "create_secret" {
  name              = "/aws/lambda/${var.stack_name}-create-secret"
  retention_in_days = var.log_retention_in_days
  kms_key_id        = local.has_log_kms_key ? var.log_kms_key_arn : null
}

resource "aws_iam_role" "create_secret" {
  name = "${var.stack_name}-${local.region}-create-secret"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "lambda.amazonaws.com"
        }
        Action = "sts:AssumeRole"
        Condition = {
          StringEquals = {
            "aws:SourceAccount" = local.account_id
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "create_secret" {
  name = "create-secret"
  role = aws_iam_role.create_secret.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for it in [
      {
        Sid      = "ReadDocuments"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*"
        Condition = {
          StringEquals = {
            "aws:ResourceTag/rotation:stack" = var.stack_name
          }
          StringEqualsIfExists = {
            "secretsmanager:resource/AllowRotationLambdaArn" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
          }
        }
      },
      {
        Sid      = "ReadAdministratorSecrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.administrator_secret_name_prefix}*"
      },
      local.has_secrets_kms_key ? {
        Sid      = "DecryptValues"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = var.secrets_kms_key_arn
        Condition = {
          StringEquals = {
            "kms:ViaService" = "secretsmanager.${local.region}.${local.dns_suffix}"
          }
          StringLike = {
            "kms:EncryptionContext:SecretARN" = [
              "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*",
              "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.administrator_secret_name_prefix}*",
            ]
          }
        }
      } : null,
      local.is_in_vpc ? {
        Sid    = "HaveNetworkInterfaces"
        Effect = "Allow"
        Action = [
          "ec2:AssignPrivateIpAddresses",
          "ec2:CreateNetworkInterface",
          "ec2:DeleteNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:UnassignPrivateIpAddresses",
        ]
        Resource = "*"
      } : null,
      local.is_in_vpc ? {
        Sid    = "KeepCodeFromNetworkInterfaces"
        Effect = "Deny"
        Action = [
          "ec2:AssignPrivateIpAddresses",
          "ec2:CreateNetworkInterface",
          "ec2:DeleteNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:UnassignPrivateIpAddresses",
        ]
        Resource = "*"
        Condition = {
          ArnEquals = {
            "lambda:SourceFunctionArn" = [
              "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-create-secret",
            ]
          }
        }
      } : null,
      local.is_traced ? {
        Sid      = "WriteTraces"
        Effect   = "Allow"
        Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource = "*"
      } : null,
      {
        Sid      = "WriteLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:/aws/lambda/${var.stack_name}-create-secret:*"
      },
    ] : it if it != null]
  })
}

resource "aws_sqs_queue" "dead_letter" {
  name                       = "${var.stack_name}-dead-letter-queue"
  message_retention_seconds  = 1209600
  sqs_managed_sse_enabled    = true
  visibility_timeout_seconds = 360
}

resource "aws_lambda_event_source_mapping" "dead_letter_redrive" {
  function_name    = aws_lambda_function.revoke_secret.function_name
  event_source_arn = aws_sqs_queue.dead_letter.arn
  batch_size       = 1
  enabled          = false
}

resource "aws_lambda_function" "deprovision_addon" {
  function_name                  = "${var.stack_name}-deprovision-addon"
  description                    = "Deprovisions an instance: revokes its credentials, deletes its schedules and secrets."
  filename                       = "${var.package_directory}/deprovision-addon.zip"
  source_code_hash               = filebase64sha256("${var.package_directory}/deprovision-addon.zip")
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  memory_size                    = 256
  timeout                        = 180
  reserved_concurrent_executions = local.has_reserved_concurrency ? var.reserved_concurrent_executions : null
  layers = local.has_ca_bundle ? [
    "arn:${local.partition}:lambda:${local.region}:${local.account_id}:layer:${var.ca_bundle_layer}",
  ] : null
  role = aws_iam_role.deprovision_addon.arn

  environment {
    variables = { for name, value in {
      ADMINISTRATOR_SECRET_NAME_PREFIX = var.administrator_secret_name_prefix
      ALLOW_PRIVATE_ADDRESSES          = var.allow_private_addresses
      CA_BUNDLE_FILE                   = local.has_ca_bundle ? "/opt/ca-bundle.pem" : null
      DEAD_LETTER_QUEUE_ARN            = "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${var.stack_name}-deprovision-dead-letter-queue"
      DEPROVISION_ADDON_FUNCTION_ARN   = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-deprovision-addon"
      DETAILED_METRICS                 = var.detailed_metrics
      LONGEST_STEP_SECONDS             = "240"
      OAUTH_SECRET_NAME_PREFIX         = var.oauth_secret_name_prefix
      RECOVERY_WINDOW_DAYS             = var.recovery_window_in_days
      SCHEDULER_ROLE_ARN               = "arn:${local.partition}:iam::${local.account_id}:role/${var.stack_name}-${local.region}-deprovision-scheduler"
      SCHEDULE_GROUP                   = var.stack_name
      SECRET_NAME_PREFIX               = var.secret_name_prefix
      STACK_NAME                       = var.stack_name
      TOKENS_TABLE                     = "${var.stack_name}-refresh-tokens"
    } : name => value if value != null }
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.deprovision_addon.name
  }

  tracing_config {
    mode = var.tracing
  }

  dynamic "vpc_config" {
    for_each = local.is_in_vpc ? [true] : []

    content {
      subnet_ids         = var.subnet_ids
      security_group_ids = var.security_group_ids
    }
  }

  depends_on = [aws_iam_role_policy.deprovision_addon]
}

resource "aws_lambda_function_event_invoke_config" "deprovision_addon" {
  function_name          = aws_lambda_function.deprovision_addon.function_name
  qualifier              = "$LATEST"
  maximum_retry_attempts = 2

  destination_config {
    on_failure {
      destination = aws_sqs_queue.deprovision_dead_letter.arn
    }
  }
}

resource "aws_cloudwatch_log_group" "deprovision_addon" {
  name              = "/aws/lambda/${var.stack_name}-deprovision-addon"
  retention_in_days = var.log_retention_in_days
  kms_key_id        = local.has_log_kms_key ? var.log_kms_key_arn : null
}

resource "aws_iam_role" "deprovision_addon" {
  name = "${var.stack_name}-${local.region}-deprovision-addon"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "lambda.amazonaws.com"
        }
        Action = "sts:AssumeRole"
        Condition = {
          StringEquals = {
            "aws:SourceAccount" = local.account_id
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "deprovision_addon" {
  name = "deprovision-addon"
  role = aws_iam_role.deprovision_addon.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for it in [
      {
        Sid    = "LookAtSecrets"
        Effect = "Allow"
        Action = ["secretsmanager:DescribeSecret"]
        Resource = [
          "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*",
          "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.oauth_secret_name_prefix}*",
        ]
      },
      {
        Sid      = "ReadDocuments"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*"
        Condition = {
          StringEquals = {
            "aws:ResourceTag/rotation:stack" = var.stack_name
          }
          StringEqualsIfExists = {
            "secretsmanager:resource/AllowRotationLambdaArn" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
          }
        }
      },
      {
        Sid      = "ReadAdministratorSecrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.administrator_secret_name_prefix}*"
      },
      {
        Sid      = "SwitchRotationOff"
        Effect   = "Allow"
        Action   = ["secretsmanager:CancelRotateSecret"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*"
        Condition = {
          StringEquals = {
            "aws:ResourceTag/rotation:stack"                 = var.stack_name
            "secretsmanager:resource/AllowRotationLambdaArn" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
          }
        }
      },
      {
        Sid      = "TakeOffLabels"
        Effect   = "Allow"
        Action   = ["secretsmanager:UpdateSecretVersionStage"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*"
        Condition = {
          StringEquals = {
            "aws:ResourceTag/rotation:stack" = var.stack_name
          }
          StringEqualsIfExists = {
            "secretsmanager:resource/AllowRotationLambdaArn" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
          }
          StringLike = {
            "secretsmanager:VersionStage" = "LIVE-*"
          }
        }
      },
      {
        Sid      = "NoteWhatWasShown"
        Effect   = "Allow"
        Action   = ["secretsmanager:TagResource"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*"
        Condition = {
          "ForAllValues:StringEquals" = {
            "aws:TagKeys" = "rotation:shown"
          }
          Null = {
            "aws:TagKeys" = "false"
          }
          StringEquals = {
            "aws:ResourceTag/rotation:stack" = var.stack_name
          }
          StringEqualsIfExists = {
            "secretsmanager:resource/AllowRotationLambdaArn" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
          }
        }
      },
      {
        Sid      = "DeleteSecrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:DeleteSecret"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*"
        Condition = {
          NumericGreaterThanEquals = {
            "secretsmanager:RecoveryWindowInDays" = "7"
          }
          StringEquals = {
            "aws:ResourceTag/rotation:stack" = var.stack_name
          }
          StringEqualsIfExists = {
            "secretsmanager:resource/AllowRotationLambdaArn" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
          }
        }
      },
      {
        Sid      = "RemoveTokens"
        Effect   = "Allow"
        Action   = ["dynamodb:DeleteItem"]
        Resource = "arn:${local.partition}:dynamodb:${local.region}:${local.account_id}:table/${var.stack_name}-refresh-tokens"
      },
      {
        Sid      = "DeleteEarlierTokens"
        Effect   = "Allow"
        Action   = ["secretsmanager:DeleteSecret"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.oauth_secret_name_prefix}*"
        Condition = {
          NumericGreaterThanEquals = {
            "secretsmanager:RecoveryWindowInDays" = "7"
          }
          StringEquals = {
            "aws:ResourceTag/rotation:oauth-of" = var.stack_name
          }
        }
      },
      local.has_secrets_kms_key ? {
        Sid      = "DecryptValues"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = var.secrets_kms_key_arn
        Condition = {
          StringEquals = {
            "kms:ViaService" = "secretsmanager.${local.region}.${local.dns_suffix}"
          }
          StringLike = {
            "kms:EncryptionContext:SecretARN" = [
              "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*",
              "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.administrator_secret_name_prefix}*",
            ]
          }
        }
      } : null,
      local.has_secrets_kms_key ? {
        Sid      = "DecryptTokens"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = var.secrets_kms_key_arn
        Condition = {
          StringEquals = {
            "kms:EncryptionContext:aws:dynamodb:tableName" = "${var.stack_name}-refresh-tokens"
            "kms:ViaService"                               = "dynamodb.${local.region}.${local.dns_suffix}"
          }
        }
      } : null,
      {
        Sid      = "FindSchedules"
        Effect   = "Allow"
        Action   = ["scheduler:ListSchedules"]
        Resource = "*"
      },
      {
        Sid      = "RemoveRevocations"
        Effect   = "Allow"
        Action   = ["scheduler:DeleteSchedule"]
        Resource = "arn:${local.partition}:scheduler:${local.region}:${local.account_id}:schedule/${var.stack_name}/revoke-*"
      },
      {
        Sid    = "ScheduleItself"
        Effect = "Allow"
        Action = [
          "scheduler:CreateSchedule",
          "scheduler:GetSchedule",
          "scheduler:UpdateSchedule",
        ]
        Resource = "arn:${local.partition}:scheduler:${local.region}:${local.account_id}:schedule/${var.stack_name}/deprovision-*"
      },
      {
        Sid      = "LetSchedulerInvoke"
        Effect   = "Allow"
        Action   = ["iam:PassRole"]
        Resource = "arn:${local.partition}:iam::${local.account_id}:role/${var.stack_name}-${local.region}-deprovision-scheduler"
        Condition = {
          StringEquals = {
            "iam:PassedToService" = "scheduler.amazonaws.com"
          }
        }
      },
      {
        Sid      = "ReportFailures"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${var.stack_name}-deprovision-dead-letter-queue"
      },
      local.is_in_vpc ? {
        Sid    = "HaveNetworkInterfaces"
        Effect = "Allow"
        Action = [
          "ec2:AssignPrivateIpAddresses",
          "ec2:CreateNetworkInterface",
          "ec2:DeleteNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:UnassignPrivateIpAddresses",
        ]
        Resource = "*"
      } : null,
      local.is_in_vpc ? {
        Sid    = "KeepCodeFromNetworkInterfaces"
        Effect = "Deny"
        Action = [
          "ec2:AssignPrivateIpAddresses",
          "ec2:CreateNetworkInterface",
          "ec2:DeleteNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:UnassignPrivateIpAddresses",
        ]
        Resource = "*"
        Condition = {
          ArnEquals = {
            "lambda:SourceFunctionArn" = [
              "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-deprovision-addon",
            ]
          }
        }
      } : null,
      local.is_traced ? {
        Sid      = "WriteTraces"
        Effect   = "Allow"
        Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource = "*"
      } : null,
      {
        Sid      = "WriteLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:/aws/lambda/${var.stack_name}-deprovision-addon:*"
      },
    ] : it if it != null]
  })
}

resource "aws_sqs_queue" "deprovision_dead_letter" {
  name                      = "${var.stack_name}-deprovision-dead-letter-queue"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_iam_policy" "deprovision" {
  name        = "${var.stack_name}-${local.region}-deprovision"
  description = "Lets a role invoke ${var.stack_name}-deprovision-addon, and nothing else."
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "InvokeDeprovisionAddon"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-deprovision-addon"
      },
    ]
  })
}

resource "aws_iam_role" "deprovision_scheduler" {
  name = "${var.stack_name}-${local.region}-deprovision-scheduler"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "scheduler.amazonaws.com"
        }
        Action = "sts:AssumeRole"
        Condition = {
          StringEquals = {
            "aws:SourceAccount" = local.account_id
            "aws:SourceArn"     = "arn:${local.partition}:scheduler:${local.region}:${local.account_id}:schedule-group/${var.stack_name}"
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "deprovision_scheduler" {
  name = "deprovision-scheduler"
  role = aws_iam_role.deprovision_scheduler.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "InvokeDeprovisionAddon"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-deprovision-addon"
      },
      {
        Sid      = "ReportFailures"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${var.stack_name}-deprovision-dead-letter-queue"
      },
    ]
  })
}

resource "aws_lambda_function" "enroll_addon" {
  function_name                  = "${var.stack_name}-enroll-addon"
  description                    = "Enrols an instance: creates its secrets, and switches its rotation on."
  filename                       = "${var.package_directory}/enroll-addon.zip"
  source_code_hash               = filebase64sha256("${var.package_directory}/enroll-addon.zip")
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  memory_size                    = 256
  timeout                        = 180
  reserved_concurrent_executions = local.has_reserved_concurrency ? var.reserved_concurrent_executions : null
  layers = local.has_ca_bundle ? [
    "arn:${local.partition}:lambda:${local.region}:${local.account_id}:layer:${var.ca_bundle_layer}",
  ] : null
  role = aws_iam_role.enroll_addon.arn

  environment {
    variables = { for name, value in {
      ADMINISTRATOR_SECRET_NAME_PREFIX = var.administrator_secret_name_prefix
      ALLOW_PRIVATE_ADDRESSES          = var.allow_private_addresses
      CA_BUNDLE_FILE                   = local.has_ca_bundle ? "/opt/ca-bundle.pem" : null
      DETAILED_METRICS                 = var.detailed_metrics
      HEROKU_API_URL                   = var.heroku_api_url
      HEROKU_OAUTH_URL                 = var.heroku_oauth_url
      OAUTH_SECRET_NAME_PREFIX         = var.oauth_secret_name_prefix
      PARTNER_SECRET_ARN               = var.partner_secret_arn
      ROTATE_FUNCTION_ARN              = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
      ROTATION_DAYS                    = var.rotation_days
      SECRETS_KMS_KEY_ARN              = local.has_secrets_kms_key ? var.secrets_kms_key_arn : null
      SECRET_NAME_PREFIX               = var.secret_name_prefix
      STACK_NAME                       = var.stack_name
      TOKENS_TABLE                     = "${var.stack_name}-refresh-tokens"
    } : name => value if value != null }
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.enroll_addon.name
  }

  tracing_config {
    mode = var.tracing
  }

  dynamic "vpc_config" {
    for_each = local.is_in_vpc ? [true] : []

    content {
      subnet_ids         = var.subnet_ids
      security_group_ids = var.security_group_ids
    }
  }

  depends_on = [aws_iam_role_policy.enroll_addon]
}

resource "aws_cloudwatch_log_group" "enroll_addon" {
  name              = "/aws/lambda/${var.stack_name}-enroll-addon"
  retention_in_days = var.log_retention_in_days
  kms_key_id        = local.has_log_kms_key ? var.log_kms_key_arn : null
}

resource "aws_iam_role" "enroll_addon" {
  name = "${var.stack_name}-${local.region}-enroll-addon"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "lambda.amazonaws.com"
        }
        Action = "sts:AssumeRole"
        Condition = {
          StringEquals = {
            "aws:SourceAccount" = local.account_id
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "enroll_addon" {
  name = "enroll-addon"
  role = aws_iam_role.enroll_addon.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for it in [
      {
        Sid    = "LookAtSecrets"
        Effect = "Allow"
        Action = ["secretsmanager:DescribeSecret"]
        Resource = [
          "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*",
          "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.administrator_secret_name_prefix}*",
        ]
      },
      {
        Sid      = "LookAtEarlierTokens"
        Effect   = "Allow"
        Action   = ["secretsmanager:DescribeSecret"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.oauth_secret_name_prefix}*"
      },
      {
        Sid      = "ReadDocuments"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*"
        Condition = {
          StringEquals = {
            "aws:ResourceTag/rotation:stack" = var.stack_name
          }
          StringEqualsIfExists = {
            "secretsmanager:resource/AllowRotationLambdaArn" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
          }
        }
      },
      {
        Sid      = "ReadPartnerSecret"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = var.partner_secret_arn
      },
      {
        Sid      = "KeepTokens"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
        Resource = "arn:${local.partition}:dynamodb:${local.region}:${local.account_id}:table/${var.stack_name}-refresh-tokens"
      },
      {
        Sid      = "ReadEarlierTokens"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.oauth_secret_name_prefix}*"
        Condition = {
          StringEquals = {
            "aws:ResourceTag/rotation:oauth-of" = var.stack_name
          }
        }
      },
      {
        Sid      = "MakeSecrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:CreateSecret", "secretsmanager:TagResource"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*"
        Condition = {
          Null = {
            "secretsmanager:SecretId" = "true"
          }
          StringEquals = {
            "aws:RequestTag/rotation:stack" = var.stack_name
          }
        }
      },
      {
        Sid      = "SwitchRotationOn"
        Effect   = "Allow"
        Action   = ["secretsmanager:RotateSecret"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*"
        Condition = {
          Bool = {
            "secretsmanager:RotateImmediately" = "false"
          }
          StringEquals = {
            "aws:ResourceTag/rotation:stack"   = var.stack_name
            "secretsmanager:RotationLambdaARN" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
          }
          StringEqualsIfExists = {
            "secretsmanager:resource/AllowRotationLambdaArn" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
          }
        }
      },
      {
        Sid      = "NameRotationFunction"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
      },
      {
        Sid      = "TakeBackSecrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:DeleteSecret"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*"
        Condition = {
          Null = {
            "secretsmanager:resource/AllowRotationLambdaArn" = "true"
          }
          StringEquals = {
            "aws:ResourceTag/rotation:stack" = var.stack_name
          }
        }
      },
      {
        Sid      = "TakeBackTokens"
        Effect   = "Allow"
        Action   = ["dynamodb:DeleteItem"]
        Resource = "arn:${local.partition}:dynamodb:${local.region}:${local.account_id}:table/${var.stack_name}-refresh-tokens"
      },
      {
        Sid      = "DeleteEarlierTokens"
        Effect   = "Allow"
        Action   = ["secretsmanager:DeleteSecret"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.oauth_secret_name_prefix}*"
        Condition = {
          NumericGreaterThanEquals = {
            "secretsmanager:RecoveryWindowInDays" = "7"
          }
          StringEquals = {
            "aws:ResourceTag/rotation:oauth-of" = var.stack_name
          }
        }
      },
      local.has_secrets_kms_key ? {
        Sid      = "DecryptValues"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = var.secrets_kms_key_arn
        Condition = {
          StringEquals = {
            "kms:ViaService" = "secretsmanager.${local.region}.${local.dns_suffix}"
          }
          StringLike = {
            "kms:EncryptionContext:SecretARN" = [
              "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*",
              var.partner_secret_arn,
              "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.oauth_secret_name_prefix}*",
            ]
          }
        }
      } : null,
      local.has_secrets_kms_key ? {
        Sid      = "EncryptValues"
        Effect   = "Allow"
        Action   = ["kms:GenerateDataKey"]
        Resource = var.secrets_kms_key_arn
        Condition = {
          StringEquals = {
            "kms:ViaService" = "secretsmanager.${local.region}.${local.dns_suffix}"
          }
          StringLike = {
            "kms:EncryptionContext:SecretARN" = [
              "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*",
            ]
          }
        }
      } : null,
      local.has_secrets_kms_key ? {
        Sid      = "DecryptTokens"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = var.secrets_kms_key_arn
        Condition = {
          StringEquals = {
            "kms:EncryptionContext:aws:dynamodb:tableName" = "${var.stack_name}-refresh-tokens"
            "kms:ViaService"                               = "dynamodb.${local.region}.${local.dns_suffix}"
          }
        }
      } : null,
      local.is_in_vpc ? {
        Sid    = "HaveNetworkInterfaces"
        Effect = "Allow"
        Action = [
          "ec2:AssignPrivateIpAddresses",
          "ec2:CreateNetworkInterface",
          "ec2:DeleteNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:UnassignPrivateIpAddresses",
        ]
        Resource = "*"
      } : null,
      local.is_in_vpc ? {
        Sid    = "KeepCodeFromNetworkInterfaces"
        Effect = "Deny"
        Action = [
          "ec2:AssignPrivateIpAddresses",
          "ec2:CreateNetworkInterface",
          "ec2:DeleteNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:UnassignPrivateIpAddresses",
        ]
        Resource = "*"
        Condition = {
          ArnEquals = {
            "lambda:SourceFunctionArn" = [
              "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-enroll-addon",
            ]
          }
        }
      } : null,
      local.is_traced ? {
        Sid      = "WriteTraces"
        Effect   = "Allow"
        Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource = "*"
      } : null,
      {
        Sid      = "WriteLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:/aws/lambda/${var.stack_name}-enroll-addon:*"
      },
    ] : it if it != null]
  })
}

resource "aws_iam_policy" "enroll" {
  name        = "${var.stack_name}-${local.region}-enroll"
  description = "Lets a role invoke ${var.stack_name}-enroll-addon, and nothing else."
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "InvokeEnrollAddon"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-enroll-addon"
      },
    ]
  })
}

resource "aws_lambda_function" "finish_secret" {
  function_name                  = "${var.stack_name}-finish-secret"
  description                    = "finishSecret: schedules the revocation of the credential that is about to be replaced."
  filename                       = "${var.package_directory}/finish-secret.zip"
  source_code_hash               = filebase64sha256("${var.package_directory}/finish-secret.zip")
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  memory_size                    = 256
  timeout                        = 60
  reserved_concurrent_executions = local.has_reserved_concurrency ? var.reserved_concurrent_executions : null
  role                           = aws_iam_role.finish_secret.arn

  environment {
    variables = {
      DEAD_LETTER_QUEUE_ARN      = "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${var.stack_name}-dead-letter-queue"
      DETAILED_METRICS           = var.detailed_metrics
      GRACE_PERIOD_SECONDS       = var.grace_period_seconds
      REVOKE_SECRET_FUNCTION_ARN = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-revoke-secret"
      SCHEDULER_ROLE_ARN         = "arn:${local.partition}:iam::${local.account_id}:role/${var.stack_name}-${local.region}-scheduler"
      SCHEDULE_GROUP             = var.stack_name
      STACK_NAME                 = var.stack_name
    }
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.finish_secret.name
  }

  tracing_config {
    mode = var.tracing
  }

  depends_on = [aws_iam_role_policy.finish_secret]
}

resource "aws_cloudwatch_log_group" "finish_secret" {
  name              = "/aws/lambda/${var.stack_name}-finish-secret"
  retention_in_days = var.log_retention_in_days
  kms_key_id        = local.has_log_kms_key ? var.log_kms_key_arn : null
}

resource "aws_iam_role" "finish_secret" {
  name = "${var.stack_name}-${local.region}-finish-secret"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "lambda.amazonaws.com"
        }
        Action = "sts:AssumeRole"
        Condition = {
          StringEquals = {
            "aws:SourceAccount" = local.account_id
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "finish_secret" {
  name = "finish-secret"
  role = aws_iam_role.finish_secret.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for it in [
      {
        Sid    = "ScheduleRevocations"
        Effect = "Allow"
        Action = [
          "scheduler:CreateSchedule",
          "scheduler:GetSchedule",
          "scheduler:UpdateSchedule",
        ]
        Resource = "arn:${local.partition}:scheduler:${local.region}:${local.account_id}:schedule/${var.stack_name}/revoke-*"
      },
      {
        Sid      = "LetSchedulerInvoke"
        Effect   = "Allow"
        Action   = ["iam:PassRole"]
        Resource = "arn:${local.partition}:iam::${local.account_id}:role/${var.stack_name}-${local.region}-scheduler"
        Condition = {
          StringEquals = {
            "iam:PassedToService" = "scheduler.amazonaws.com"
          }
        }
      },
      local.is_traced ? {
        Sid      = "WriteTraces"
        Effect   = "Allow"
        Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource = "*"
      } : null,
      {
        Sid      = "WriteLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:/aws/lambda/${var.stack_name}-finish-secret:*"
      },
    ] : it if it != null]
  })
}

resource "aws_iam_policy" "operator" {
  name        = "${var.stack_name}-${local.region}-operator"
  description = "Operates the add-on instances of stack ${var.stack_name} with addon-rotation-operator."
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "ListSecretsAndSchedules"
        Effect   = "Allow"
        Action   = ["scheduler:ListSchedules", "secretsmanager:ListSecrets"]
        Resource = "*"
      },
      {
        Sid      = "ReadSchedules"
        Effect   = "Allow"
        Action   = ["scheduler:GetSchedule"]
        Resource = "arn:${local.partition}:scheduler:${local.region}:${local.account_id}:schedule/${var.stack_name}/revoke-*"
      },
      {
        Sid      = "LookAtSecrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:DescribeSecret"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*"
        Condition = {
          StringEquals = {
            "aws:ResourceTag/rotation:stack" = var.stack_name
          }
        }
      },
      {
        Sid      = "RotateSecrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:RotateSecret"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*"
        Condition = {
          BoolIfExists = {
            "secretsmanager:ModifyRotationRules" = "false"
          }
          StringEquals = {
            "aws:ResourceTag/rotation:stack"                 = var.stack_name
            "secretsmanager:resource/AllowRotationLambdaArn" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
          }
          StringEqualsIfExists = {
            "secretsmanager:RotationLambdaARN" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
          }
        }
      },
      {
        Sid      = "MoveLabels"
        Effect   = "Allow"
        Action   = ["secretsmanager:UpdateSecretVersionStage"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*"
        Condition = {
          StringEquals = {
            "aws:ResourceTag/rotation:stack"                 = var.stack_name
            "secretsmanager:resource/AllowRotationLambdaArn" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
          }
          StringLike = {
            "secretsmanager:VersionStage" = ["AWSCURRENT", "AWSPENDING", "LIVE-*"]
          }
        }
      },
      {
        Sid    = "InvokeFunctions"
        Effect = "Allow"
        Action = ["lambda:InvokeFunction"]
        Resource = [
          "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate",
          "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-publish-to-heroku",
          "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-test-secret",
          "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-finish-secret",
          "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-revoke-secret",
          "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-deprovision-addon",
        ]
      },
      {
        Sid      = "ReadTimeOut"
        Effect   = "Allow"
        Action   = ["lambda:GetFunctionConfiguration"]
        Resource = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-revoke-secret"
      },
    ]
  })
}

resource "aws_lambda_function" "publish_to_heroku" {
  function_name                  = "${var.stack_name}-publish-to-heroku"
  description                    = "setSecret: publishes the credential to Heroku's config vars."
  filename                       = "${var.package_directory}/publish-to-heroku.zip"
  source_code_hash               = filebase64sha256("${var.package_directory}/publish-to-heroku.zip")
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  memory_size                    = 256
  timeout                        = 60
  reserved_concurrent_executions = local.has_reserved_concurrency ? var.reserved_concurrent_executions : null
  role                           = aws_iam_role.publish_to_heroku.arn

  environment {
    variables = {
      ADMINISTRATOR_SECRET_NAME_PREFIX = var.administrator_secret_name_prefix
      DETAILED_METRICS                 = var.detailed_metrics
      HEROKU_API_URL                   = var.heroku_api_url
      HEROKU_OAUTH_URL                 = var.heroku_oauth_url
      OAUTH_SECRET_NAME_PREFIX         = var.oauth_secret_name_prefix
      PARTNER_SECRET_ARN               = var.partner_secret_arn
      SECRET_NAME_PREFIX               = var.secret_name_prefix
      STACK_NAME                       = var.stack_name
      TOKENS_TABLE                     = "${var.stack_name}-refresh-tokens"
    }
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.publish_to_heroku.name
  }

  tracing_config {
    mode = var.tracing
  }

  depends_on = [aws_iam_role_policy.publish_to_heroku]
}

resource "aws_cloudwatch_log_group" "publish_to_heroku" {
  name              = "/aws/lambda/${var.stack_name}-publish-to-heroku"
  retention_in_days = var.log_retention_in_days
  kms_key_id        = local.has_log_kms_key ? var.log_kms_key_arn : null
}

resource "aws_iam_role" "publish_to_heroku" {
  name = "${var.stack_name}-${local.region}-publish-to-heroku"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "lambda.amazonaws.com"
        }
        Action = "sts:AssumeRole"
        Condition = {
          StringEquals = {
            "aws:SourceAccount" = local.account_id
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "publish_to_heroku" {
  name = "publish-to-heroku"
  role = aws_iam_role.publish_to_heroku.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for it in [
      {
        Sid      = "ReadPendingVersion"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*"
        Condition = {
          StringEquals = {
            "aws:ResourceTag/rotation:stack"                 = var.stack_name
            "secretsmanager:resource/AllowRotationLambdaArn" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
          }
        }
      },
      {
        Sid      = "ReadPartnerSecret"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = var.partner_secret_arn
      },
      {
        Sid      = "KeepTokens"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
        Resource = "arn:${local.partition}:dynamodb:${local.region}:${local.account_id}:table/${var.stack_name}-refresh-tokens"
      },
      {
        Sid      = "ReadEarlierTokens"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.oauth_secret_name_prefix}*"
        Condition = {
          StringEquals = {
            "aws:ResourceTag/rotation:oauth-of" = var.stack_name
          }
        }
      },
      local.has_secrets_kms_key ? {
        Sid      = "DecryptValues"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = var.secrets_kms_key_arn
        Condition = {
          StringEquals = {
            "kms:ViaService" = "secretsmanager.${local.region}.${local.dns_suffix}"
          }
          StringLike = {
            "kms:EncryptionContext:SecretARN" = [
              "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*",
              var.partner_secret_arn,
              "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.oauth_secret_name_prefix}*",
            ]
          }
        }
      } : null,
      local.has_secrets_kms_key ? {
        Sid      = "DecryptTokens"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = var.secrets_kms_key_arn
        Condition = {
          StringEquals = {
            "kms:EncryptionContext:aws:dynamodb:tableName" = "${var.stack_name}-refresh-tokens"
            "kms:ViaService"                               = "dynamodb.${local.region}.${local.dns_suffix}"
          }
        }
      } : null,
      local.is_traced ? {
        Sid      = "WriteTraces"
        Effect   = "Allow"
        Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource = "*"
      } : null,
      {
        Sid      = "WriteLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:/aws/lambda/${var.stack_name}-publish-to-heroku:*"
      },
    ] : it if it != null]
  })
}

resource "aws_iam_policy" "recover" {
  name        = "${var.stack_name}-${local.region}-recover"
  description = "Lets an operator have ${var.stack_name}-create-secret issue a credential without the current one's login."
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "InvokeCreateSecret"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-create-secret"
      },
    ]
  })
}

resource "aws_dynamodb_table" "refresh_tokens" {
  name                        = "${var.stack_name}-refresh-tokens"
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "addon"
  deletion_protection_enabled = true

  attribute {
    name = "addon"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  dynamic "server_side_encryption" {
    for_each = local.has_secrets_kms_key ? [true] : []

    content {
      enabled     = true
      kms_key_arn = var.secrets_kms_key_arn
    }
  }
}

resource "aws_dynamodb_resource_policy" "refresh_tokens" {
  resource_arn = aws_dynamodb_table.refresh_tokens.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "ReadByFunctionsAlone"
        Effect    = "Deny"
        Principal = "*"
        Action = [
          "dynamodb:BatchGetItem",
          "dynamodb:GetItem",
          "dynamodb:PartiQLSelect",
          "dynamodb:Query",
          "dynamodb:Scan",
        ]
        Resource = "arn:${local.partition}:dynamodb:${local.region}:${local.account_id}:table/${var.stack_name}-refresh-tokens"
        Condition = {
          ArnNotEquals = {
            "aws:PrincipalArn" = [
              "arn:${local.partition}:iam::${local.account_id}:role/${var.stack_name}-${local.region}-publish-to-heroku",
              "arn:${local.partition}:iam::${local.account_id}:role/${var.stack_name}-${local.region}-test-secret",
              "arn:${local.partition}:iam::${local.account_id}:role/${var.stack_name}-${local.region}-revoke-secret",
              "arn:${local.partition}:iam::${local.account_id}:role/${var.stack_name}-${local.region}-enroll-addon",
            ]
          }
        }
      },
    ]
  })
}

resource "aws_lambda_function" "revoke_secret" {
  function_name                  = "${var.stack_name}-revoke-secret"
  description                    = "After the grace period: revokes the old credential."
  filename                       = "${var.package_directory}/revoke-secret.zip"
  source_code_hash               = filebase64sha256("${var.package_directory}/revoke-secret.zip")
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  memory_size                    = 256
  timeout                        = 60
  reserved_concurrent_executions = local.has_reserved_concurrency ? var.reserved_concurrent_executions : null
  layers = local.has_ca_bundle ? [
    "arn:${local.partition}:lambda:${local.region}:${local.account_id}:layer:${var.ca_bundle_layer}",
  ] : null
  role = aws_iam_role.revoke_secret.arn

  environment {
    variables = { for name, value in {
      ADMINISTRATOR_SECRET_NAME_PREFIX = var.administrator_secret_name_prefix
      ALLOW_PRIVATE_ADDRESSES          = var.allow_private_addresses
      CA_BUNDLE_FILE                   = local.has_ca_bundle ? "/opt/ca-bundle.pem" : null
      DEAD_LETTER_QUEUE_ARN            = "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${var.stack_name}-dead-letter-queue"
      DETAILED_METRICS                 = var.detailed_metrics
      GRACE_PERIOD_SECONDS             = var.grace_period_seconds
      HEROKU_API_URL                   = var.heroku_api_url
      HEROKU_OAUTH_URL                 = var.heroku_oauth_url
      HOLD_WHILE_IN_USE_SECONDS        = var.hold_while_in_use_seconds
      OAUTH_SECRET_NAME_PREFIX         = var.oauth_secret_name_prefix
      PARTNER_SECRET_ARN               = var.partner_secret_arn
      REVOKE_SECRET_FUNCTION_ARN       = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-revoke-secret"
      SCHEDULER_ROLE_ARN               = "arn:${local.partition}:iam::${local.account_id}:role/${var.stack_name}-${local.region}-scheduler"
      SCHEDULE_GROUP                   = var.stack_name
      SECRET_NAME_PREFIX               = var.secret_name_prefix
      STACK_NAME                       = var.stack_name
      TOKENS_TABLE                     = "${var.stack_name}-refresh-tokens"
    } : name => value if value != null }
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.revoke_secret.name
  }

  tracing_config {
    mode = var.tracing
  }

  dynamic "vpc_config" {
    for_each = local.is_in_vpc ? [true] : []

    content {
      subnet_ids         = var.subnet_ids
      security_group_ids = var.security_group_ids
    }
  }

  depends_on = [aws_iam_role_policy.revoke_secret]
}

resource "aws_lambda_function_event_invoke_config" "revoke_secret" {
  function_name          = aws_lambda_function.revoke_secret.function_name
  qualifier              = "$LATEST"
  maximum_retry_attempts = 2

  destination_config {
    on_failure {
      destination = aws_sqs_queue.dead_letter.arn
    }
  }
}

resource "aws_cloudwatch_log_group" "revoke_secret" {
  name              = "/aws/lambda/${var.stack_name}-revoke-secret"
  retention_in_days = var.log_retention_in_days
  kms_key_id        = local.has_log_kms_key ? var.log_kms_key_arn : null
}

resource "aws_iam_role" "revoke_secret" {
  name = "${var.stack_name}-${local.region}-revoke-secret"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "lambda.amazonaws.com"
        }
        Action = "sts:AssumeRole"
        Condition = {
          StringEquals = {
            "aws:SourceAccount" = local.account_id
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "revoke_secret" {
  name = "revoke-secret"
  role = aws_iam_role.revoke_secret.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for it in [
      {
        Sid    = "ReadVersions"
        Effect = "Allow"
        Action = [
          "secretsmanager:DescribeSecret",
          "secretsmanager:GetSecretValue",
        ]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*"
        Condition = {
          StringEquals = {
            "aws:ResourceTag/rotation:stack" = var.stack_name
          }
          StringEqualsIfExists = {
            "secretsmanager:resource/AllowRotationLambdaArn" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
          }
        }
      },
      {
        Sid      = "TakeOffLabels"
        Effect   = "Allow"
        Action   = ["secretsmanager:UpdateSecretVersionStage"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*"
        Condition = {
          StringEquals = {
            "aws:ResourceTag/rotation:stack" = var.stack_name
          }
          StringEqualsIfExists = {
            "secretsmanager:resource/AllowRotationLambdaArn" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
          }
          StringLike = {
            "secretsmanager:VersionStage" = "LIVE-*"
          }
        }
      },
      {
        Sid      = "NoteWhatWasShown"
        Effect   = "Allow"
        Action   = ["secretsmanager:TagResource"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*"
        Condition = {
          "ForAllValues:StringEquals" = {
            "aws:TagKeys" = "rotation:shown"
          }
          Null = {
            "aws:TagKeys" = "false"
          }
          StringEquals = {
            "aws:ResourceTag/rotation:stack" = var.stack_name
          }
          StringEqualsIfExists = {
            "secretsmanager:resource/AllowRotationLambdaArn" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
          }
        }
      },
      {
        Sid      = "ReadAdministratorSecrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.administrator_secret_name_prefix}*"
      },
      {
        Sid      = "ReadPartnerSecret"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = var.partner_secret_arn
      },
      {
        Sid      = "KeepTokens"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
        Resource = "arn:${local.partition}:dynamodb:${local.region}:${local.account_id}:table/${var.stack_name}-refresh-tokens"
      },
      {
        Sid      = "ReadEarlierTokens"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.oauth_secret_name_prefix}*"
        Condition = {
          StringEquals = {
            "aws:ResourceTag/rotation:oauth-of" = var.stack_name
          }
        }
      },
      local.has_secrets_kms_key ? {
        Sid      = "DecryptValues"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = var.secrets_kms_key_arn
        Condition = {
          StringEquals = {
            "kms:ViaService" = "secretsmanager.${local.region}.${local.dns_suffix}"
          }
          StringLike = {
            "kms:EncryptionContext:SecretARN" = [
              "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*",
              "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.administrator_secret_name_prefix}*",
              var.partner_secret_arn,
              "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.oauth_secret_name_prefix}*",
            ]
          }
        }
      } : null,
      local.has_secrets_kms_key ? {
        Sid      = "DecryptTokens"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = var.secrets_kms_key_arn
        Condition = {
          StringEquals = {
            "kms:EncryptionContext:aws:dynamodb:tableName" = "${var.stack_name}-refresh-tokens"
            "kms:ViaService"                               = "dynamodb.${local.region}.${local.dns_suffix}"
          }
        }
      } : null,
      {
        Sid    = "ScheduleRevocations"
        Effect = "Allow"
        Action = [
          "scheduler:CreateSchedule",
          "scheduler:GetSchedule",
          "scheduler:UpdateSchedule",
        ]
        Resource = "arn:${local.partition}:scheduler:${local.region}:${local.account_id}:schedule/${var.stack_name}/revoke-*"
      },
      {
        Sid      = "LetSchedulerInvoke"
        Effect   = "Allow"
        Action   = ["iam:PassRole"]
        Resource = "arn:${local.partition}:iam::${local.account_id}:role/${var.stack_name}-${local.region}-scheduler"
        Condition = {
          StringEquals = {
            "iam:PassedToService" = "scheduler.amazonaws.com"
          }
        }
      },
      {
        Sid      = "TellOthers"
        Effect   = "Allow"
        Action   = ["events:PutEvents"]
        Resource = "arn:${local.partition}:events:${local.region}:${local.account_id}:event-bus/default"
      },
      {
        Sid      = "ReportFailures"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${var.stack_name}-dead-letter-queue"
      },
      {
        Sid    = "TakeDeadLetters"
        Effect = "Allow"
        Action = [
          "sqs:DeleteMessage",
          "sqs:GetQueueAttributes",
          "sqs:ReceiveMessage",
        ]
        Resource = "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${var.stack_name}-dead-letter-queue"
      },
      local.is_in_vpc ? {
        Sid    = "HaveNetworkInterfaces"
        Effect = "Allow"
        Action = [
          "ec2:AssignPrivateIpAddresses",
          "ec2:CreateNetworkInterface",
          "ec2:DeleteNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:UnassignPrivateIpAddresses",
        ]
        Resource = "*"
      } : null,
      local.is_in_vpc ? {
        Sid    = "KeepCodeFromNetworkInterfaces"
        Effect = "Deny"
        Action = [
          "ec2:AssignPrivateIpAddresses",
          "ec2:CreateNetworkInterface",
          "ec2:DeleteNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:UnassignPrivateIpAddresses",
        ]
        Resource = "*"
        Condition = {
          ArnEquals = {
            "lambda:SourceFunctionArn" = [
              "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-revoke-secret",
            ]
          }
        }
      } : null,
      local.is_traced ? {
        Sid      = "WriteTraces"
        Effect   = "Allow"
        Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource = "*"
      } : null,
      {
        Sid      = "WriteLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:/aws/lambda/${var.stack_name}-revoke-secret:*"
      },
    ] : it if it != null]
  })
}

resource "aws_lambda_function" "rotate" {
  function_name                  = "${var.stack_name}-rotate"
  description                    = "Called by Secrets Manager. Changes the secrets' versions, and calls the other functions for everything else."
  filename                       = "${var.package_directory}/rotate.zip"
  source_code_hash               = filebase64sha256("${var.package_directory}/rotate.zip")
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  memory_size                    = 256
  timeout                        = 180
  reserved_concurrent_executions = local.has_reserved_concurrency ? var.reserved_concurrent_executions : null
  role                           = aws_iam_role.rotate.arn

  environment {
    variables = {
      ADMINISTRATOR_SECRET_NAME_PREFIX = var.administrator_secret_name_prefix
      CREATE_SECRET_FUNCTION           = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-create-secret"
      DETAILED_METRICS                 = var.detailed_metrics
      FINISH_SECRET_FUNCTION           = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-finish-secret"
      OAUTH_SECRET_NAME_PREFIX         = var.oauth_secret_name_prefix
      PUBLISH_TO_HEROKU_FUNCTION       = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-publish-to-heroku"
      SECRET_NAME_PREFIX               = var.secret_name_prefix
      STACK_NAME                       = var.stack_name
      TEST_SECRET_FUNCTION             = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-test-secret"
    }
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.rotate.name
  }

  tracing_config {
    mode = var.tracing
  }

  depends_on = [aws_iam_role_policy.rotate]
}

resource "aws_cloudwatch_log_group" "rotate" {
  name              = "/aws/lambda/${var.stack_name}-rotate"
  retention_in_days = var.log_retention_in_days
  kms_key_id        = local.has_log_kms_key ? var.log_kms_key_arn : null
}

resource "aws_lambda_permission" "rotate" {
  function_name  = aws_lambda_function.rotate.function_name
  action         = "lambda:InvokeFunction"
  principal      = "secretsmanager.amazonaws.com"
  source_account = local.account_id
}

resource "aws_iam_role" "rotate" {
  name = "${var.stack_name}-${local.region}-rotate"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "lambda.amazonaws.com"
        }
        Action = "sts:AssumeRole"
        Condition = {
          StringEquals = {
            "aws:SourceAccount" = local.account_id
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "rotate" {
  name = "rotate"
  role = aws_iam_role.rotate.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for it in [
      {
        Sid    = "OwnVersions"
        Effect = "Allow"
        Action = [
          "secretsmanager:DescribeSecret",
          "secretsmanager:GetSecretValue",
          "secretsmanager:PutSecretValue",
        ]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*"
        Condition = {
          StringEquals = {
            "aws:ResourceTag/rotation:stack"                 = var.stack_name
            "secretsmanager:resource/AllowRotationLambdaArn" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
          }
        }
      },
      {
        Sid      = "MoveLabels"
        Effect   = "Allow"
        Action   = ["secretsmanager:UpdateSecretVersionStage"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*"
        Condition = {
          StringEquals = {
            "aws:ResourceTag/rotation:stack"                 = var.stack_name
            "secretsmanager:resource/AllowRotationLambdaArn" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
          }
          StringLike = {
            "secretsmanager:VersionStage" = ["AWSCURRENT", "LIVE-*"]
          }
        }
      },
      {
        Sid      = "NoteWhatWasShown"
        Effect   = "Allow"
        Action   = ["secretsmanager:TagResource"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*"
        Condition = {
          "ForAllValues:StringEquals" = {
            "aws:TagKeys" = "rotation:shown"
          }
          Null = {
            "aws:TagKeys" = "false"
          }
          StringEquals = {
            "aws:ResourceTag/rotation:stack"                 = var.stack_name
            "secretsmanager:resource/AllowRotationLambdaArn" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
          }
        }
      },
      local.has_secrets_kms_key ? {
        Sid      = "DecryptValues"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = var.secrets_kms_key_arn
        Condition = {
          StringEquals = {
            "kms:ViaService" = "secretsmanager.${local.region}.${local.dns_suffix}"
          }
          StringLike = {
            "kms:EncryptionContext:SecretARN" = [
              "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*",
            ]
          }
        }
      } : null,
      local.has_secrets_kms_key ? {
        Sid      = "EncryptValues"
        Effect   = "Allow"
        Action   = ["kms:GenerateDataKey"]
        Resource = var.secrets_kms_key_arn
        Condition = {
          StringEquals = {
            "kms:ViaService" = "secretsmanager.${local.region}.${local.dns_suffix}"
          }
          StringLike = {
            "kms:EncryptionContext:SecretARN" = [
              "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*",
            ]
          }
        }
      } : null,
      {
        Sid    = "CallSteps"
        Effect = "Allow"
        Action = ["lambda:InvokeFunction"]
        Resource = [
          "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-create-secret",
          "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-publish-to-heroku",
          "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-test-secret",
          "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-finish-secret",
        ]
      },
      {
        Sid      = "TellOthers"
        Effect   = "Allow"
        Action   = ["events:PutEvents"]
        Resource = "arn:${local.partition}:events:${local.region}:${local.account_id}:event-bus/default"
      },
      local.is_traced ? {
        Sid      = "WriteTraces"
        Effect   = "Allow"
        Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource = "*"
      } : null,
      {
        Sid      = "WriteLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:/aws/lambda/${var.stack_name}-rotate:*"
      },
    ] : it if it != null]
  })
}

resource "aws_scheduler_schedule_group" "schedule_group" {
  name = var.stack_name
}

resource "aws_iam_role" "scheduler" {
  name = "${var.stack_name}-${local.region}-scheduler"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "scheduler.amazonaws.com"
        }
        Action = "sts:AssumeRole"
        Condition = {
          StringEquals = {
            "aws:SourceAccount" = local.account_id
            "aws:SourceArn"     = "arn:${local.partition}:scheduler:${local.region}:${local.account_id}:schedule-group/${var.stack_name}"
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "scheduler" {
  name = "scheduler"
  role = aws_iam_role.scheduler.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "InvokeRevokeSecret"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-revoke-secret"
      },
      {
        Sid      = "ReportFailures"
        Effect   = "Allow"
        Action   = ["sqs:SendMessage"]
        Resource = "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${var.stack_name}-dead-letter-queue"
      },
    ]
  })
}

resource "aws_lambda_function" "start_rotation" {
  function_name                  = "${var.stack_name}-start-rotation"
  description                    = "Starts an instance's rotation for its customer, within a rate limit."
  filename                       = "${var.package_directory}/start-rotation.zip"
  source_code_hash               = filebase64sha256("${var.package_directory}/start-rotation.zip")
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  memory_size                    = 256
  timeout                        = 30
  reserved_concurrent_executions = local.has_reserved_concurrency ? var.reserved_concurrent_executions : null
  role                           = aws_iam_role.start_rotation.arn

  environment {
    variables = {
      ADMINISTRATOR_SECRET_NAME_PREFIX  = var.administrator_secret_name_prefix
      DETAILED_METRICS                  = var.detailed_metrics
      MINIMUM_ROTATION_INTERVAL_SECONDS = var.minimum_rotation_interval_seconds
      OAUTH_SECRET_NAME_PREFIX          = var.oauth_secret_name_prefix
      SECRET_NAME_PREFIX                = var.secret_name_prefix
      STACK_NAME                        = var.stack_name
    }
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.start_rotation.name
  }

  tracing_config {
    mode = var.tracing
  }

  depends_on = [aws_iam_role_policy.start_rotation]
}

resource "aws_cloudwatch_log_group" "start_rotation" {
  name              = "/aws/lambda/${var.stack_name}-start-rotation"
  retention_in_days = var.log_retention_in_days
  kms_key_id        = local.has_log_kms_key ? var.log_kms_key_arn : null
}

resource "aws_iam_policy" "start_rotation" {
  name        = "${var.stack_name}-${local.region}-start-rotation"
  description = "Lets a role invoke ${var.stack_name}-start-rotation, and nothing else."
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "InvokeStartRotation"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-start-rotation"
      },
    ]
  })
}

resource "aws_iam_role" "start_rotation" {
  name = "${var.stack_name}-${local.region}-start-rotation"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "lambda.amazonaws.com"
        }
        Action = "sts:AssumeRole"
        Condition = {
          StringEquals = {
            "aws:SourceAccount" = local.account_id
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "start_rotation" {
  name = "start-rotation"
  role = aws_iam_role.start_rotation.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for it in [
      {
        Sid      = "LookAtSecrets"
        Effect   = "Allow"
        Action   = ["secretsmanager:DescribeSecret"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*"
      },
      {
        Sid      = "Rotate"
        Effect   = "Allow"
        Action   = ["secretsmanager:RotateSecret"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*"
        Condition = {
          BoolIfExists = {
            "secretsmanager:ModifyRotationRules" = "false"
          }
          StringEquals = {
            "aws:ResourceTag/rotation:stack"                 = var.stack_name
            "secretsmanager:resource/AllowRotationLambdaArn" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
          }
          StringEqualsIfExists = {
            "secretsmanager:RotationLambdaARN" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
          }
        }
      },
      {
        Sid      = "InvokeRotationFunction"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
      },
      local.is_traced ? {
        Sid      = "WriteTraces"
        Effect   = "Allow"
        Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource = "*"
      } : null,
      {
        Sid      = "WriteLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:/aws/lambda/${var.stack_name}-start-rotation:*"
      },
    ] : it if it != null]
  })
}

resource "aws_lambda_function" "sweep" {
  function_name                  = "${var.stack_name}-sweep"
  description                    = "Every hour: measures the revocations that wait, and schedules those without a schedule."
  filename                       = "${var.package_directory}/sweep.zip"
  source_code_hash               = filebase64sha256("${var.package_directory}/sweep.zip")
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  memory_size                    = 256
  timeout                        = 900
  reserved_concurrent_executions = local.has_reserved_concurrency ? var.reserved_concurrent_executions : null
  role                           = aws_iam_role.sweep.arn

  environment {
    variables = {
      DEAD_LETTER_QUEUE_ARN      = "arn:${local.partition}:sqs:${local.region}:${local.account_id}:${var.stack_name}-dead-letter-queue"
      DETAILED_METRICS           = var.detailed_metrics
      GRACE_PERIOD_SECONDS       = var.grace_period_seconds
      REVOKE_SECRET_FUNCTION_ARN = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-revoke-secret"
      SCHEDULER_ROLE_ARN         = "arn:${local.partition}:iam::${local.account_id}:role/${var.stack_name}-${local.region}-scheduler"
      SCHEDULE_GROUP             = var.stack_name
      SECRET_NAME_PREFIX         = var.secret_name_prefix
      STACK_NAME                 = var.stack_name
    }
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.sweep.name
  }

  tracing_config {
    mode = var.tracing
  }

  depends_on = [aws_iam_role_policy.sweep]
}

resource "aws_lambda_function_event_invoke_config" "sweep" {
  function_name          = aws_lambda_function.sweep.function_name
  qualifier              = "$LATEST"
  maximum_retry_attempts = 0
}

resource "aws_cloudwatch_log_group" "sweep" {
  name              = "/aws/lambda/${var.stack_name}-sweep"
  retention_in_days = var.log_retention_in_days
  kms_key_id        = local.has_log_kms_key ? var.log_kms_key_arn : null
}

resource "aws_iam_role" "sweep" {
  name = "${var.stack_name}-${local.region}-sweep"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "lambda.amazonaws.com"
        }
        Action = "sts:AssumeRole"
        Condition = {
          StringEquals = {
            "aws:SourceAccount" = local.account_id
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "sweep" {
  name = "sweep"
  role = aws_iam_role.sweep.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for it in [
      {
        Sid      = "ListSecretsAndSchedules"
        Effect   = "Allow"
        Action   = ["scheduler:ListSchedules", "secretsmanager:ListSecrets"]
        Resource = "*"
      },
      {
        Sid    = "ScheduleRevocations"
        Effect = "Allow"
        Action = [
          "scheduler:CreateSchedule",
          "scheduler:GetSchedule",
          "scheduler:UpdateSchedule",
        ]
        Resource = "arn:${local.partition}:scheduler:${local.region}:${local.account_id}:schedule/${var.stack_name}/revoke-*"
      },
      {
        Sid      = "LetSchedulerInvoke"
        Effect   = "Allow"
        Action   = ["iam:PassRole"]
        Resource = "arn:${local.partition}:iam::${local.account_id}:role/${var.stack_name}-${local.region}-scheduler"
        Condition = {
          StringEquals = {
            "iam:PassedToService" = "scheduler.amazonaws.com"
          }
        }
      },
      local.is_traced ? {
        Sid      = "WriteTraces"
        Effect   = "Allow"
        Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource = "*"
      } : null,
      {
        Sid      = "WriteLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:/aws/lambda/${var.stack_name}-sweep:*"
      },
    ] : it if it != null]
  })
}

resource "aws_scheduler_schedule" "sweep" {
  name                = "sweep"
  group_name          = aws_scheduler_schedule_group.schedule_group.name
  description         = "Measures the revocations that wait, and schedules those without a schedule."
  schedule_expression = "rate(1 hour)"

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_lambda_function.sweep.arn
    role_arn = aws_iam_role.sweep_scheduler.arn
    input    = "{}"

    retry_policy {
      maximum_event_age_in_seconds = 3600
      maximum_retry_attempts       = 5
    }
  }
}

resource "aws_iam_role" "sweep_scheduler" {
  name = "${var.stack_name}-${local.region}-sweep-scheduler"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "scheduler.amazonaws.com"
        }
        Action = "sts:AssumeRole"
        Condition = {
          StringEquals = {
            "aws:SourceAccount" = local.account_id
            "aws:SourceArn"     = "arn:${local.partition}:scheduler:${local.region}:${local.account_id}:schedule-group/${var.stack_name}"
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "sweep_scheduler" {
  name = "sweep-scheduler"
  role = aws_iam_role.sweep_scheduler.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid      = "InvokeSweep"
        Effect   = "Allow"
        Action   = ["lambda:InvokeFunction"]
        Resource = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-sweep"
      },
    ]
  })
}

resource "aws_lambda_function" "test_secret" {
  function_name                  = "${var.stack_name}-test-secret"
  description                    = "testSecret: the service accepts the credential, Heroku shows it."
  filename                       = "${var.package_directory}/test-secret.zip"
  source_code_hash               = filebase64sha256("${var.package_directory}/test-secret.zip")
  runtime                        = "provided.al2023"
  handler                        = "bootstrap"
  architectures                  = [var.architecture]
  memory_size                    = 256
  timeout                        = 60
  reserved_concurrent_executions = local.has_reserved_concurrency ? var.reserved_concurrent_executions : null
  layers = local.has_ca_bundle ? [
    "arn:${local.partition}:lambda:${local.region}:${local.account_id}:layer:${var.ca_bundle_layer}",
  ] : null
  role = aws_iam_role.test_secret.arn

  environment {
    variables = { for name, value in {
      ADMINISTRATOR_SECRET_NAME_PREFIX = var.administrator_secret_name_prefix
      ALLOW_PRIVATE_ADDRESSES          = var.allow_private_addresses
      CA_BUNDLE_FILE                   = local.has_ca_bundle ? "/opt/ca-bundle.pem" : null
      DETAILED_METRICS                 = var.detailed_metrics
      HEROKU_API_URL                   = var.heroku_api_url
      HEROKU_OAUTH_URL                 = var.heroku_oauth_url
      OAUTH_SECRET_NAME_PREFIX         = var.oauth_secret_name_prefix
      PARTNER_SECRET_ARN               = var.partner_secret_arn
      SECRET_NAME_PREFIX               = var.secret_name_prefix
      STACK_NAME                       = var.stack_name
      TOKENS_TABLE                     = "${var.stack_name}-refresh-tokens"
    } : name => value if value != null }
  }

  logging_config {
    log_format = "Text"
    log_group  = aws_cloudwatch_log_group.test_secret.name
  }

  tracing_config {
    mode = var.tracing
  }

  dynamic "vpc_config" {
    for_each = local.is_in_vpc ? [true] : []

    content {
      subnet_ids         = var.subnet_ids
      security_group_ids = var.security_group_ids
    }
  }

  depends_on = [aws_iam_role_policy.test_secret]
}

resource "aws_cloudwatch_log_group" "test_secret" {
  name              = "/aws/lambda/${var.stack_name}-test-secret"
  retention_in_days = var.log_retention_in_days
  kms_key_id        = local.has_log_kms_key ? var.log_kms_key_arn : null
}

resource "aws_iam_role" "test_secret" {
  name = "${var.stack_name}-${local.region}-test-secret"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Principal = {
          Service = "lambda.amazonaws.com"
        }
        Action = "sts:AssumeRole"
        Condition = {
          StringEquals = {
            "aws:SourceAccount" = local.account_id
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "test_secret" {
  name = "test-secret"
  role = aws_iam_role.test_secret.name
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [for it in [
      {
        Sid      = "ReadPendingVersion"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*"
        Condition = {
          StringEquals = {
            "aws:ResourceTag/rotation:stack"                 = var.stack_name
            "secretsmanager:resource/AllowRotationLambdaArn" = "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-rotate"
          }
        }
      },
      {
        Sid      = "ReadPartnerSecret"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = var.partner_secret_arn
      },
      {
        Sid      = "KeepTokens"
        Effect   = "Allow"
        Action   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
        Resource = "arn:${local.partition}:dynamodb:${local.region}:${local.account_id}:table/${var.stack_name}-refresh-tokens"
      },
      {
        Sid      = "ReadEarlierTokens"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.oauth_secret_name_prefix}*"
        Condition = {
          StringEquals = {
            "aws:ResourceTag/rotation:oauth-of" = var.stack_name
          }
        }
      },
      local.has_secrets_kms_key ? {
        Sid      = "DecryptValues"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = var.secrets_kms_key_arn
        Condition = {
          StringEquals = {
            "kms:ViaService" = "secretsmanager.${local.region}.${local.dns_suffix}"
          }
          StringLike = {
            "kms:EncryptionContext:SecretARN" = [
              "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.secret_name_prefix}*",
              var.partner_secret_arn,
              "arn:${local.partition}:secretsmanager:${local.region}:${local.account_id}:secret:${var.oauth_secret_name_prefix}*",
            ]
          }
        }
      } : null,
      local.has_secrets_kms_key ? {
        Sid      = "DecryptTokens"
        Effect   = "Allow"
        Action   = ["kms:Decrypt"]
        Resource = var.secrets_kms_key_arn
        Condition = {
          StringEquals = {
            "kms:EncryptionContext:aws:dynamodb:tableName" = "${var.stack_name}-refresh-tokens"
            "kms:ViaService"                               = "dynamodb.${local.region}.${local.dns_suffix}"
          }
        }
      } : null,
      local.is_in_vpc ? {
        Sid    = "HaveNetworkInterfaces"
        Effect = "Allow"
        Action = [
          "ec2:AssignPrivateIpAddresses",
          "ec2:CreateNetworkInterface",
          "ec2:DeleteNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:UnassignPrivateIpAddresses",
        ]
        Resource = "*"
      } : null,
      local.is_in_vpc ? {
        Sid    = "KeepCodeFromNetworkInterfaces"
        Effect = "Deny"
        Action = [
          "ec2:AssignPrivateIpAddresses",
          "ec2:CreateNetworkInterface",
          "ec2:DeleteNetworkInterface",
          "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSubnets",
          "ec2:UnassignPrivateIpAddresses",
        ]
        Resource = "*"
        Condition = {
          ArnEquals = {
            "lambda:SourceFunctionArn" = [
              "arn:${local.partition}:lambda:${local.region}:${local.account_id}:function:${var.stack_name}-test-secret",
            ]
          }
        }
      } : null,
      local.is_traced ? {
        Sid      = "WriteTraces"
        Effect   = "Allow"
        Action   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
        Resource = "*"
      } : null,
      {
        Sid      = "WriteLogs"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = "arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:/aws/lambda/${var.stack_name}-test-secret:*"
      },
    ] : it if it != null]
  })
}
