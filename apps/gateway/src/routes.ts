import { listAudit } from './audit/audit.routes';
import {
  beginConnect,
  callback,
  completeConnect,
  showConfirmPage,
  showInputPage,
  submitConfirmPage,
  submitInputPage,
} from './connect/connect.routes';
import { consoleAsset, consolePage, home, providerCatalog } from './console/console.routes';
import {
  createConsoleLink,
  endConsoleSession,
  openConsoleLink,
  readConsoleSession,
} from './console-session/console-session.routes';
import { listDeadLetters, replayDeadLetter, replayDeadLetters } from './dead-letters/dead-letters.routes';
import {
  changeDeliverySettings,
  listDeliveries,
  postEvent,
  readDeliverySecret,
  readDeliverySettings,
} from './deliveries/deliveries.routes';
import { live, ready } from './health/health.routes';
import type { RouteSpec } from './http/route';
import {
  disconnectIntegration,
  listIntegrations,
  readIntegration,
  refreshIntegration,
  syncIntegration,
} from './integrations/integrations.routes';
import { followLive } from './live-status/live-status.routes';
import { docsAsset, docsPage, openApiJson } from './openapi/openapi.routes';
import { PROXY_ROUTES } from './proxy/proxy.routes';
import { readToken } from './tokens/tokens.routes';

/** Every route of the gateway. What is served and is not here, or is here and not served, stops the start. */
export const ALL_ROUTES: readonly RouteSpec[] = [
  beginConnect,
  completeConnect,
  callback,
  showInputPage,
  submitInputPage,
  showConfirmPage,
  submitConfirmPage,
  createConsoleLink,
  openConsoleLink,
  readConsoleSession,
  endConsoleSession,
  listIntegrations,
  listAudit,
  listDeadLetters,
  replayDeadLetters,
  replayDeadLetter,
  followLive,
  readIntegration,
  refreshIntegration,
  syncIntegration,
  disconnectIntegration,
  readToken,
  ...PROXY_ROUTES,
  postEvent,
  listDeliveries,
  readDeliverySettings,
  changeDeliverySettings,
  readDeliverySecret,
  consolePage,
  consoleAsset,
  providerCatalog,
  home,
  live,
  ready,
  openApiJson,
  docsPage,
  docsAsset,
];
