import { useId, useState, type SyntheticEvent } from 'react';
import { Dialog } from '../look/dialog';
import { ProblemNote } from '../look/problem-note';
import type { ProviderCard, ProviderInput } from '../wire/wire';
import { readInput } from './input-rules';
import { useConnect } from './use-connect';

/** Asks for what a provider must be told before a connect, checks it while it is typed, and goes on to the provider. */
export function ConnectDialog(props: {
  readonly card: ProviderCard;
  /** Connected before: the words are others. */
  readonly isAgain: boolean;
  readonly onClose: () => void;
}) {
  const { card, isAgain, onClose } = props;
  const connect = useConnect();
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>({});
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const readings = card.inputs.map((input) => ({ input, reading: readInput(input.name, texts[input.name] ?? '') }));

  const submit = (event: SyntheticEvent<HTMLFormElement>): void => {
    event.preventDefault();
    setLeft(new Set(card.inputs.map(({ name }) => name)));
    const wrong = readings.find(({ reading }) => !reading.ok);
    if (wrong) {
      event.currentTarget.querySelector<HTMLInputElement>(`input[name="${wrong.input.name}"]`)?.focus();
      return;
    }
    const inputs = Object.fromEntries(
      readings.map(({ input, reading }) => [input.name, reading.ok ? reading.kept : '']),
    );
    connect.mutate({ provider: card.provider, inputs });
  };

  return (
    <Dialog title={`${isAgain ? 'Reconnect' : 'Connect'} ${card.label}`} onClose={onClose}>
      <form onSubmit={submit} noValidate>
        {card.inputs.map((input) => (
          <InputField
            key={input.name}
            input={input}
            text={texts[input.name] ?? ''}
            wasLeft={left.has(input.name)}
            onText={(text) => setTexts({ ...texts, [input.name]: text })}
            onLeave={() => (texts[input.name] ?? '') !== '' && setLeft(new Set([...left, input.name]))}
          />
        ))}
        {connect.isError && <ProblemNote error={connect.error} />}
        <p className="soft">
          More about it: <a href={card.docsUrl}>{card.label}’s own page</a>
        </p>
        <div className="actions">
          <button type="submit" className="primary" aria-disabled={connect.isPending}>
            {connect.isPending ? 'Opening…' : 'Continue'}
          </button>
          <button type="button" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function InputField(props: {
  readonly input: ProviderInput;
  readonly text: string;
  /** The person has left the field: only then is what is wrong with it said. */
  readonly wasLeft: boolean;
  readonly onText: (text: string) => void;
  readonly onLeave: () => void;
}) {
  const { input, text, wasLeft, onText, onLeave } = props;
  const id = useId();
  const reading = readInput(input.name, text);
  const complaint = wasLeft && !reading.ok ? reading.complaint : undefined;
  const becomes = reading.ok && reading.kept !== text ? reading.kept : undefined;
  return (
    <div className="field">
      <label htmlFor={id}>{input.label}</label>
      <input
        id={id}
        name={input.name}
        type="text"
        value={text}
        onChange={(event) => onText(event.target.value)}
        onBlur={onLeave}
        placeholder={input.example}
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        maxLength={2048}
        aria-invalid={complaint !== undefined}
        aria-describedby={`${id}-said ${id}-help`}
      />
      <p id={`${id}-said`} className={complaint === undefined ? 'said good' : 'said bad'} aria-live="polite">
        {complaint ?? (becomes !== undefined && `✓ This is ${becomes}`)}
        {complaint === undefined && becomes === undefined && reading.ok && '✓ This looks right'}
      </p>
      <p id={`${id}-help`} className="soft">
        {input.help}
      </p>
    </div>
  );
}
