import { failure } from '@hub/domain';
import { asList, field, idField, labelField, textField } from '../../json-fields';
import type { ApiAnswer, ApiClient, MetadataContext, MetadataReading } from '../../provider-definition';

/** Bounds a count at 10 000 listed users, half a minute at Notion's three requests a second. */
const MOST_PAGES = 100;

type MemberCount = { ok: true; memberCount: number | null } | Extract<ApiAnswer, { ok: false }>;

/** Workspace name and bot id (https://developers.notion.com/reference/get-self), and how many people there are. */
export async function readWorkspace({ api, known }: MetadataContext): Promise<MetadataReading> {
  const self = await api.get('/v1/users/me');
  if (!self.ok) return self;
  const botId = idField(self.json, 'id');
  if (botId === undefined) {
    const unusable = failure('bad_provider_response', 'no_bot_in_answer', { kind: 'transient' });
    return { ok: false, failure: unusable, status: 200 };
  }
  const counted = await countMembers(api);
  if (!counted.ok) return counted;
  const workspaceName = labelField(self.json, 'bot', 'workspace_name') ?? textField(known, 'workspaceName') ?? null;
  const workspaceId = idField(self.json, 'bot', 'workspace_id');
  return {
    ok: true,
    metadata: { workspaceName, botId, memberCount: counted.memberCount },
    account: workspaceId === undefined ? null : { id: workspaceId, label: workspaceName ?? workspaceId },
  };
}

/**
 * Counts the people among the workspace's users; Notion has no total (https://developers.notion.com/reference/get-users).
 * `null` where the integration may not list users, or there are too many to count.
 */
async function countMembers(api: ApiClient): Promise<MemberCount> {
  let people = 0;
  let cursor = '';
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const answer = await api.get(`/v1/users?page_size=100${cursor}`);
    if (!answer.ok) return answer.status === 403 ? { ok: true, memberCount: null } : answer;
    people += asList(field(answer.json, 'results')).filter((user) => textField(user, 'type') === 'person').length;
    const next = textField(answer.json, 'next_cursor');
    if (field(answer.json, 'has_more') !== true || next === undefined) return { ok: true, memberCount: people };
    cursor = `&start_cursor=${encodeURIComponent(next)}`;
  }
  return { ok: true, memberCount: null };
}
