// Numbers and tables for people.

/** Three digits that count. */
export function round(value) {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return Number(value.toFixed(digits)).toLocaleString('en');
}

export const kilo = bytes => `${round(bytes / 1000)} kB`;

export const spread = ({ median, min, max }) =>
  min === max ? round(median) : `${round(median)} (${round(min)}–${round(max)})`;

export const table = (head, rows) => [
  `| ${head.join(' | ')} |`,
  `| --- |${' ---: |'.repeat(head.length - 1)}`,
  ...rows.map(row => `| ${row.join(' | ')} |`),
];
