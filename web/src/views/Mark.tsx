/** The app's own mark. */
export function Mark({ size }: { size: number }) {
  return <img className="mark" src="/icon.svg" width={size} height={size} alt="" />;
}
