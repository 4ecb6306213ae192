import type { HubLogger } from '@hub/telemetry';
import type { OutboundRules } from './address-rules';

const AGAIN_AFTER_MS = 60 * 60_000;

/**
 * Warns, now and each hour, where loopback may be called: who reads a day of records must meet it. It keeps no process
 * alive, and ends with it.
 */
export function warnOfPrivate({ allowPrivate }: OutboundRules, logger: Pick<HubLogger, 'warning'>): void {
  if (!allowPrivate) return;
  const warn = (): void =>
    logger.warning('hub.outbound.private_allowed', {
      fix: 'unset OUTBOUND_ALLOW_PRIVATE anywhere but on your own machine',
    });
  warn();
  setInterval(warn, AGAIN_AFTER_MS).unref();
}
