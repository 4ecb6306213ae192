import type { HubConfig } from './hub-config';

/** Under this token Nest hands out the {@link HubConfig}. */
export const HUB_CONFIG = Symbol('HUB_CONFIG');
export type { HubConfig };
