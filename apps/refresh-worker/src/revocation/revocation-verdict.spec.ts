import type { RevokeRules } from '@hub/providers';
import { revocationVerdict } from './revocation-verdict';

it.each<[string, RevokeRules['manner'], string, number | null, string]>([
  ['nothing can be given back where there is no way', 'none', 'disconnect', 0, 'forget'],
  ['an app stays installed unless that was asked for', 'uninstall', 'disconnect', 0, 'forget'],
  ['an app is uninstalled where it was', 'uninstall', 'uninstall', 0, 'give_back'],
  ['an app that others use stays', 'uninstall', 'uninstall', 1, 'others_stand_on_it'],
  ['a grant goes back', 'grant', 'disconnect', 0, 'give_back'],
  ['a grant that others stand on stays', 'grant', 'late_grant', 2, 'others_stand_on_it'],
  ['a grant for nobody knows whom stays', 'grant', 'disconnect', null, 'account_unknown'],
  ['a token goes back', 'token', 'disconnect', 0, 'give_back'],
  ['a token of an account that others use stays', 'token', 'disconnect', 1, 'others_stand_on_it'],
  ['a token harms nobody else, whoever it is for', 'token', 'disconnect', null, 'give_back'],
])('%s', (_sentence, manner, reason, others, expected) => {
  const verdict = revocationVerdict(manner, reason, others);
  expect(verdict.kind === 'leave_alone' ? verdict.reason : verdict.kind).toBe(expected);
});
