/** The page's icons: lines of one weight on a grid of 16, in the colour of the text beside them. */

const PATHS = {
  pan: 'M8 1.5v13M1.5 8h13M8 1.5 6 3.5M8 1.5l2 2M8 14.5l-2-2M8 14.5l2-2M1.5 8l2-2M1.5 8l2 2M14.5 8l-2-2M14.5 8l-2 2',
  box: 'M2.5 4.5v-2h2M11.5 2.5h2v2M13.5 11.5v2h-2M4.5 13.5h-2v-2M7 2.5h2M7 13.5h2M2.5 7v2M13.5 7v2',
  fit: 'M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  previous: 'M10 3 5 8l5 5',
  next: 'M6 3l5 5-5 5',
  polarity: 'M1.5 8c1.6-7 3.2-7 4.5 0s3 7 4 0 2-5 4.5-1M1.5 8h13',
  up: 'M5 7.5v6M5 7.5 8 2c1.3.1 1.6 1 1.5 2l-.3 2.5h3.6c.9 0 1.3.6 1.1 1.4l-1 4.5c-.2.7-.7 1.1-1.4 1.1H5M2.5 7.5H5v6H2.5z',
  down: 'M11 8.5v-6M11 8.5 8 14c-1.3-.1-1.6-1-1.5-2l.3-2.5H3.2c-.9 0-1.3-.6-1.1-1.4l1-4.5c.2-.7.7-1.1 1.4-1.1H11M13.5 8.5H11v-6h2.5z',
  close: 'M4 4l8 8M12 4l-8 8',
  filter: 'M2 3h12L9.5 8.5V13l-3-1.5v-3z',
  download: 'M8 2v8M5 7.5 8 10.5l3-3M2.5 13.5h11',
  search: 'M7 2.5a4.5 4.5 0 1 1 0 9 4.5 4.5 0 0 1 0-9zM10.3 10.3 14 14',
  sun: 'M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1',
  moon: 'M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7z',
  lasso: 'M8 2.5c3.6 0 6 1.7 6 4s-2.4 4-6 4-6-1.7-6-4 2.4-4 6-4zM4.5 10c-1.2.6-1.5 1.7-.6 2.3.9.5 2-.2 1.6-1.3M4 12.5c0 1-.3 1.6-1 2',
  smooth: 'M2 12c3 0 3-8 6-8s3 8 6 8',
  upload: 'M8 10.5v-8M5 5l3-3 3 3M2.5 13.5h11',
  refine: 'M13 8a5 5 0 1 1-1.5-3.5M13 2v3h-3',
  tag: 'M2.5 2.5h5l6 6-5 5-6-6zM5.2 5.2h.1',
  info: 'M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM8 7.2V11.5M8 4.7v.1',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
