import { type Logger as PinoLogger, pino, stdTimeFunctions } from 'pino'

export type Logger = PinoLogger

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

/**
 * The logger of a service: one JSON object a line on stdout, with ECS field names so that Weir's own logs can be searched
 * like everything else. Secrets never reach it: settings are logged through `redact` of `config` only.
 */
export function createLogger(options: { readonly service: string; readonly level?: LogLevel }): Logger {
  return pino({
    level: options.level ?? 'info',
    base: { 'service.name': options.service },
    messageKey: 'message',
    errorKey: 'error',
    timestamp: () => `,"@timestamp":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ 'log.level': label }) }
  })
}

/** A logger that says nothing, for tests and one-shot commands. */
export const silentLogger: Logger = pino({ level: 'silent', timestamp: stdTimeFunctions.nullTime })
