import { createHash, createHmac } from 'node:crypto';
import type { Asked } from './http-stand-in';

/** Whose signature is expected. */
export interface AwsIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
  readonly service: string;
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/;

/** Whether a request bears a true Signature Version 4, computed anew from what came over the wire. */
export function isSignedBy({ accessKeyId, secretAccessKey, region, service }: AwsIdentity, asked: Asked): boolean {
  const match = AUTHORIZATION.exec(asked.headers.authorization ?? '');
  if (!match) return false;
  const [, keyId, day = '', inRegion, forService, names = '', signature] = match;
  if (keyId !== accessKeyId || inRegion !== region || forService !== service) return false;
  const signed = names.split(';');
  if (!['host', 'x-amz-date', 'x-amz-target'].every((name) => signed.includes(name))) return false;
  const headers = signed.map((name) => `${name}:${String(asked.headers[name] ?? '').trim()}\n`).join('');
  const canonical = [asked.method, asked.path, '', headers, names, sha256(asked.body)].join('\n');
  const at = String(asked.headers['x-amz-date']);
  const toSign = ['AWS4-HMAC-SHA256', at, `${day}/${region}/${service}/aws4_request`, sha256(canonical)].join('\n');
  const key = [day, region, service, 'aws4_request'].reduce<string | Buffer>(
    (secret, part) => createHmac('sha256', secret).update(part).digest(),
    `AWS4${secretAccessKey}`,
  );
  return at.startsWith(day) && createHmac('sha256', key).update(toSign).digest('hex') === signature;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
