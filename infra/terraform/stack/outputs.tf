# Made from infra/template.yaml, which says why, by `cargo xtask infra`: change that, not this.

output "dashboard_url" {
  description = "The dashboard: rotations, durations of the steps, revocations that wait."
  value       = local.is_detailed ? "https://${local.region}.console.aws.amazon.com/cloudwatch/home?region=${local.region}#dashboards:name=${var.stack_name}-${local.region}" : null
}

output "dead_letter_queue_url" {
  description = "The queue of failed revocations."
  value       = aws_sqs_queue.dead_letter.url
}

output "dead_letter_redrive_id" {
  description = "The event source mapping to enable to retry them."
  value       = aws_lambda_event_source_mapping.dead_letter_redrive.uuid
}

output "deprovision_addon_function_arn" {
  description = "The function that deprovisions an instance; for the partner's handler of Heroku's DELETE."
  value       = aws_lambda_function.deprovision_addon.arn
}

output "deprovision_dead_letter_queue_url" {
  description = "The queue of failed deprovisionings."
  value       = aws_sqs_queue.deprovision_dead_letter.url
}

output "deprovision_policy_arn" {
  description = "The managed policy that lets a role invoke deprovision-addon, and nothing else."
  value       = aws_iam_policy.deprovision.arn
}

output "enroll_addon_function_arn" {
  description = "The function that enrols an instance; for the partner's backend, or an operator."
  value       = aws_lambda_function.enroll_addon.arn
}

output "enroll_policy_arn" {
  description = "The managed policy that lets a role invoke enroll-addon, and nothing else."
  value       = aws_iam_policy.enroll.arn
}

output "operator_policy_arn" {
  description = "The managed policy for addon-rotation-operator: attach it to your operators' role."
  value       = aws_iam_policy.operator.arn
}

output "recover_policy_arn" {
  description = "The managed policy for operators who can vouch for an instance (addon-rotation-operator recover)."
  value       = aws_iam_policy.recover.arn
}

output "rotation_function_arn" {
  description = "The rotation function, for RotateSecret and AWS::SecretsManager::RotationSchedule."
  value       = aws_lambda_function.rotate.arn
}

output "schedule_group_name" {
  description = "The schedule group of the coming revocations."
  value       = aws_scheduler_schedule_group.schedule_group.name
}

output "start_rotation_function_arn" {
  description = "The function that rotates an instance now, within a rate limit; for the partner's dashboard."
  value       = aws_lambda_function.start_rotation.arn
}

output "start_rotation_policy_arn" {
  description = "The managed policy that lets a role invoke start-rotation, and nothing else."
  value       = aws_iam_policy.start_rotation.arn
}
