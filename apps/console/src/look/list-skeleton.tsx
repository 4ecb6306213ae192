/** Lines that are on their way. */
export function ListSkeleton() {
  return (
    <>
      <p className="hidden" role="status">
        Loading…
      </p>
      <div className="skeleton" aria-hidden="true">
        <span className="bone" />
        <span className="bone" />
        <span className="bone short" />
      </div>
    </>
  );
}
