import { failure, type Account } from '@hub/domain';
import { field, idField, labelField, numberField, textField } from '../../json-fields';
import type {
  ApiAnswer,
  ApiClient,
  IdentityReading,
  MetadataContext,
  MetadataReading,
} from '../../provider-definition';

/** Whose Drive it is: the permission id stays when the address changes. */
export async function identify(api: ApiClient): Promise<IdentityReading> {
  const answer = await api.get('/drive/v3/about?fields=user(permissionId,emailAddress,displayName)');
  if (!answer.ok) return answer;
  const account = readAccount(answer.json);
  return account === undefined
    ? { ok: false, failure: failure('bad_provider_response', 'no_user_in_answer', { kind: 'transient' }) }
    : { ok: true, account };
}

/** Root folder and quota: https://developers.google.com/workspace/drive/api/reference/rest/v3/about */
export async function readDrive({ api, known }: MetadataContext): Promise<MetadataReading> {
  const about = await api.get('/drive/v3/about?fields=storageQuota,user');
  if (!about.ok) return about;
  const root = await readRootFolderId(api, textField(known, 'rootFolderId') ?? null);
  if (!root.ok) return root;
  return {
    ok: true,
    metadata: { rootFolderId: root.rootFolderId, quota: readQuota(about.json) },
    account: readAccount(about.json) ?? null,
  };
}

function readAccount(about: unknown): Account | undefined {
  const id = idField(about, 'user', 'permissionId');
  if (id === undefined) return undefined;
  return { id, label: labelField(about, 'user', 'emailAddress') ?? labelField(about, 'user', 'displayName') ?? id };
}

/** Bytes, as numbers. `limit` is absent for unlimited and pooled storage. */
function readQuota(about: unknown): { limit: number | null; usage: number | null } {
  const quota = field(about, 'storageQuota');
  return { limit: numberField(quota, 'limit') ?? null, usage: numberField(quota, 'usage') ?? null };
}

/**
 * The root folder's id. With `drive.file` alone `files/root` is 404; the About of version 2 tells it
 * (https://developers.google.com/workspace/drive/api/reference/rest/v2/about). Where it does not, what is known stays:
 * only a dead token is a reason to fail.
 */
async function readRootFolderId(
  api: ApiClient,
  known: string | null,
): Promise<{ ok: true; rootFolderId: string | null } | Extract<ApiAnswer, { ok: false }>> {
  const answer = await api.get('/drive/v2/about?fields=rootFolderId');
  if (!answer.ok) return answer.status === 401 ? answer : { ok: true, rootFolderId: known };
  return { ok: true, rootFolderId: idField(answer.json, 'rootFolderId') ?? known };
}
