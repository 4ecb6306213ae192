import { Touches } from '../session/touches';
import { HubProblem, readProblem } from './problem';

const API = '/functions/v1';
/** Longer than the gateway waits for a worker (ten seconds), with room for a slow network. */
const DEADLINE_MS = 25_000;

/** When a list is asked for again that was refused, or that live status tells nothing of just now. */
export const ASK_AGAIN_MS = 15_000;

/** What an answer brought. */
export interface Answer<T> {
  readonly status: number;
  readonly body: T;
}

let csrfToken: string | null = null;

/** Whoever uses the page keeps the session alive; what the page asks untouched says that nobody is there. */
const touches = new Touches();

let usedAtMs = 0;

/** When the hub last took a request that told of somebody, by the reader's clock; 0: never. */
export function lastUseMs(): number {
  return usedAtMs;
}

/** Begins to notice whether somebody uses the page. */
export function noticePerson(): void {
  touches.watch(window);
}

/** What state-changing calls show beside the session's cookie. It lives in this page's memory alone. */
export function keepCsrfToken(token: string | null): void {
  csrfToken = token;
}

/** GET, by the session's cookie. @param path below `/functions/v1` @throws HubProblem */
export async function read<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await ask<T>('GET', path, undefined, signal)).body;
}

/** A call that changes something. @param path below `/functions/v1` @throws HubProblem */
export function change<T>(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<Answer<T>> {
  return ask<T>(method, path, body);
}

async function ask<T>(method: string, path: string, body: unknown, signal?: AbortSignal): Promise<Answer<T>> {
  const deadline = AbortSignal.timeout(DEADLINE_MS);
  const headers = new Headers({ accept: 'application/json' });
  if (body !== undefined) headers.set('content-type', 'application/json');
  const isAttended = touches.take();
  if (!isAttended) headers.set('x-unattended', '1');
  if (method !== 'GET' && csrfToken !== null) headers.set('x-csrf-token', csrfToken);
  let response: Response;
  try {
    response = await fetch(API + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      credentials: 'same-origin',
      cache: 'no-store',
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    });
  } catch (error) {
    if (isAttended) touches.touch(); // nobody was told
    if (signal?.aborted) throw error; // whoever asked does not want to know any more
    throw new HubProblem('unreachable', 0, 'The hub cannot be reached.');
  }
  const content = await jsonOf(response);
  if (isAttended && response.ok) usedAtMs = Date.now();
  if (!response.ok) throw readProblem(response.status, content);
  return { status: response.status, body: content as T };
}

/** @returns `undefined` for no body, and for one that is no JSON */
async function jsonOf(response: Response): Promise<unknown> {
  const text = await response.text().catch(() => '');
  try {
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}
