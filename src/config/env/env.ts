import { logLevels } from '../../telemetry/settings.ts'
import { mailboxes, mailHost, sender, thresholdOrPercent } from '../file/alert-keys.ts'
import { budgetActionReader, usd } from '../file/budgets-block.ts'
import {
  currencyCode,
  decimal,
  flag,
  integer,
  ledgerUrl,
  listenAddress,
  longDuration,
  name,
  names,
  oneOf,
  otlpEndpoint,
  otlpTracesEndpoint,
  positive,
  proxyUrl,
  type Reader,
  text,
  timeZone,
} from '../file/readers.ts'
import { cacheReaders, defaultReaders } from '../file/shared-blocks.ts'
import type { Findings } from '../findings.ts'
import type { Found, Variable, Variables } from './variables.ts'

/** At most one day. */
const milliseconds = integer(1, 86_400_000)

/** Variables of the gateway itself. Those of providers come from the list of kinds. */
export const gatewayVariables = {
  config: variable(text, 'LLM_GATEWAY_CONFIG'),
  grpc: variable(listenAddress, 'LLM_GATEWAY_GRPC_ADDRESS'),
  http: variable(listenAddress, 'LLM_GATEWAY_HTTP_ADDRESS'),
  metrics: variable(listenAddress, 'LLM_GATEWAY_METRICS_ADDRESS'),
  health: variable(listenAddress, 'LLM_GATEWAY_HEALTH_ADDRESS'),
  logLevel: variable(oneOf(logLevels), 'LLM_GATEWAY_LOG_LEVEL'),
  auth: variable(oneOf(['none']), 'LLM_GATEWAY_AUTH'),
  jwtSecret: variable(text, 'JWT_SECRET'),
  primary: variable(name, 'LLM_GATEWAY_PRIMARY_PROVIDER', 'LLM_PROVIDER'),
  fallbacks: variable(names, 'LLM_GATEWAY_FALLBACK_PROVIDERS'),
  order: variable(names, 'LLM_PRIORITY_ORDER'),
  maxTokens: variable(defaultReaders.maxTokens, 'MAX_TOKENS'),
  temperature: variable(defaultReaders.temperature, 'TEMPERATURE'),
  cacheEnabled: variable(flag, 'LLM_GATEWAY_CACHE_ENABLED', 'CACHE_ENABLED'),
  cacheTtl: variable(cacheReaders.ttl, 'LLM_GATEWAY_CACHE_TTL', 'CACHE_TTL'),
  cacheMaxSize: variable(cacheReaders.maxEntries, 'LLM_GATEWAY_CACHE_MAX_SIZE', 'CACHE_MAX_SIZE'),
  cacheStrategy: variable(cacheReaders.strategy, 'CACHE_STRATEGY'),
  otlpTracesEndpoint: variable(otlpTracesEndpoint, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'),
  otlpEndpoint: variable(otlpEndpoint, 'OTEL_EXPORTER_OTLP_ENDPOINT'),
  sampleRatio: variable(decimal(0, 1), 'OTEL_TRACES_SAMPLER_ARG'),
  allowUnenforced: variable(flag, 'LLM_GATEWAY_ALLOW_UNENFORCED'),
  redisUrl: variable(text, 'REDIS_URL'),
  ledgerUrl: variable(ledgerUrl, 'LLM_GATEWAY_LEDGER_URL'),
  ledgerFolder: variable(text, 'LLM_GATEWAY_LEDGER_FOLDER'),
  ledgerTimeZone: variable(timeZone, 'LLM_GATEWAY_LEDGER_TIME_ZONE'),
  ledgerKeep: variable(longDuration, 'LLM_GATEWAY_LEDGER_KEEP'),
  costTracking: variable(flag, 'COST_TRACKING_ENABLED'),
  costCurrency: variable(currencyCode, 'COST_CURRENCY'),
  costUsdRate: variable(positive, 'LLM_GATEWAY_COST_USD_RATE'),
  budgetDaily: variable(usd, 'COST_BUDGET_DAILY'),
  budgetMonthly: variable(usd, 'COST_BUDGET_MONTHLY'),
  budgetAction: variable(budgetActionReader, 'LLM_GATEWAY_BUDGET_ACTION'),
  alertThreshold: variable(thresholdOrPercent, 'COST_ALERT_THRESHOLD'),
  alertEmail: variable(mailboxes, 'COST_ALERT_EMAIL'),
  smtpHost: variable(mailHost, 'SMTP_HOST'),
  smtpPort: variable(integer(1, 65_535), 'SMTP_PORT'),
  smtpUser: variable(text, 'SMTP_USERNAME', 'SMTP_USER'),
  smtpPassword: variable(text, 'SMTP_PASSWORD', 'SMTP_PASS'),
  smtpFrom: variable(sender, 'SMTP_FROM', 'SMTP_SENDER_EMAIL'),
  smtpTls: variable(flag, 'SMTP_TLS', 'SMTP_SECURE'),
  rateWindow: variable(milliseconds, 'RATE_LIMIT_WINDOW_MS'),
  rateRequests: variable(integer(1, 2 ** 31 - 1), 'RATE_LIMIT_MAX_REQUESTS'),
  providerRateWindow: variable(milliseconds, 'LLM_RATE_LIMIT_WINDOW_MS'),
  providerRateRequests: variable(integer(1, 2 ** 31 - 1), 'LLM_RATE_LIMIT_MAX_REQUESTS'),
  // Lower case takes precedence, as in curl: https://curl.se/docs/manpage.html#ENVIRONMENT
  httpsProxy: variable(proxyUrl, 'https_proxy', 'HTTPS_PROXY'),
  httpProxy: variable(proxyUrl, 'http_proxy', 'HTTP_PROXY'),
  noProxy: variable(text, 'no_proxy', 'NO_PROXY'),
} as const

function variable<T>(reader: Reader<T>, ...variableNames: readonly string[]): Variable<T> {
  return { names: variableNames, reader }
}

/** Values of the gateway's own variables. */
export type EnvironmentSettings = {
  readonly [Key in keyof typeof gatewayVariables]:
    | ((typeof gatewayVariables)[Key] extends Variable<infer T> ? Found<T> : never)
    | undefined
}

/** Reads all of them; an invalid value is a problem. */
export function readEnvironment(variables: Variables, findings: Findings): EnvironmentSettings {
  const settings = Object.entries(gatewayVariables).map(([key, setting]) => {
    return [key, variables.read<unknown>(setting, findings)]
  })
  // Each key of the table was read by its own reader.
  return Object.fromEntries(settings) as EnvironmentSettings
}
