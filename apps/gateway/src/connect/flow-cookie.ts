import { FLOW_LIFE_MS, type FlowId } from '@hub/domain';

/** A cookie as it is set. */
export interface FlowCookie {
  readonly name: string;
  readonly value: string;
  readonly options: {
    readonly httpOnly: true;
    readonly sameSite: 'lax';
    readonly secure: boolean;
    readonly path: '/';
    readonly maxAge: number;
  };
}

/** What the cookie proves: that this browser started the flow, or that this browser was shown its confirm page. */
export type CookiePurpose = 'flow' | 'confirm';

/** One cookie for each flow, so that two tabs never meet. `__Host-` keeps sibling domains from tossing one in (https only). */
export function flowCookieName(purpose: CookiePurpose, flowId: FlowId, publicUrl: string): string {
  return `${isSecure(publicUrl) ? '__Host-' : ''}hub_${purpose}_${flowId}`;
}

export function flowCookie(purpose: CookiePurpose, flowId: FlowId, value: string, publicUrl: string): FlowCookie {
  return {
    name: flowCookieName(purpose, flowId, publicUrl),
    value,
    options: { httpOnly: true, sameSite: 'lax', secure: isSecure(publicUrl), path: '/', maxAge: FLOW_LIFE_MS / 1000 },
  };
}

/** Takes a cookie back that has done its work: browsers send so much with each request, and no server takes any amount. */
export function spentCookie(purpose: CookiePurpose, flowId: FlowId, publicUrl: string): FlowCookie {
  const { name, options } = flowCookie(purpose, flowId, '', publicUrl);
  return { name, value: '', options: { ...options, maxAge: 0 } };
}

function isSecure(publicUrl: string): boolean {
  return publicUrl.startsWith('https:');
}
