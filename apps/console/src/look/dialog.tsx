import { useId, useLayoutEffect, useRef, type ReactNode } from 'react';

/**
 * A native modal dialog: the browser keeps the focus inside, closes it by Escape, and gives the focus back to what opened
 * it. It is open for as long as it is shown.
 */
export function Dialog(props: { readonly title: string; readonly onClose: () => void; readonly children: ReactNode }) {
  const { title, onClose, children } = props;
  const ref = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => {
    const dialog = ref.current;
    if (dialog && !dialog.open) dialog.showModal();
    return () => dialog?.close(); // while it is still on the page: only then the focus goes back
  }, []);
  return (
    <dialog ref={ref} aria-labelledby={id} onCancel={onClose}>
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}
