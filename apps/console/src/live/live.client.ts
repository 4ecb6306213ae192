import type { LiveMessage } from '../wire/wire';

/** One connection to live status. @param after the last event that was seen @returns ends it; nothing is told afterwards */
export function openLive(
  after: number | null,
  on: { readonly message: (message: LiveMessage) => void; readonly close: (code: number) => void },
): () => void {
  const url = new URL('/functions/v1/integrations/live', location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  if (after !== null) url.searchParams.set('after', String(after));
  const socket = new WebSocket(url);
  let isEnded = false;
  socket.addEventListener('message', ({ data }) => {
    const message = isEnded ? undefined : readMessage(data);
    if (message) on.message(message);
  });
  socket.addEventListener('close', ({ code }) => {
    if (!isEnded) on.close(code);
    isEnded = true;
  });
  return () => {
    isEnded = true;
    socket.close();
  };
}

/** @returns `undefined` for what is no message of ours */
function readMessage(data: unknown): LiveMessage | undefined {
  try {
    const message = JSON.parse(String(data)) as LiveMessage;
    return typeof message.name === 'string' && typeof message.seq === 'number' ? message : undefined;
  } catch {
    return undefined;
  }
}
