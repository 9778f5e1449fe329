output "secret_arn" {
  description = "The instance's secret."
  value       = data.aws_secretsmanager_secret.instance.arn
}
