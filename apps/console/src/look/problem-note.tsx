import { problemWords, sentence } from '../outcome/problem-words';
import { HubProblem } from '../wire/problem';
import { Note } from './note';

/** What went wrong with something that was asked for, and what to do. */
export function ProblemNote({ error }: { readonly error: unknown }) {
  const problem = error instanceof HubProblem ? error : undefined;
  const words = problemWords(problem?.code ?? 'internal');
  return (
    <Note tone="bad" role="alert" title={sentence(words.what)}>
      {words.fix}
      {problem?.code === 'internal' && problem.instance !== undefined && (
        <>
          {' '}
          Name it as <code>{problem.instance.replace('urn:uuid:', '')}</code>.
        </>
      )}
    </Note>
  );
}
