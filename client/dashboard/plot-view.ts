import uPlot from 'uplot'
import { element } from '../app/dom.ts'
import { formatTime } from './format.ts'
import { History } from './history.ts'
import { describePlot, NOTHING, type Plot } from './plots.ts'

/** Element `<figure>` on the page: a plot, and its values as text. */
export type PlotView = {
  readonly node: HTMLElement
  show(history: History): void
  /** Draw again, in the colours of the current theme. */
  redraw(): void
}

const HEIGHT_PX = 152
/** Maximum width of one character in an axis label, in pixels. */
const CHARACTER_PX = 6.2
/** The second line is dashed, for users who cannot distinguish the colours. */
const DASHES = [undefined, [5, 4]]

/** Create a figure with a plot. The cursors of all plots on the page move together. */
export function plotView(plot: Plot): PlotView {
  const values = plot.series.map(() => element('span', 'plot-number', NOTHING))
  const names = plot.series.map(({ name }, index) =>
    element(
      'span',
      'plot-value',
      element('span', 'plot-line'),
      element('span', 'plot-name', name),
      values[index] ?? '',
    ),
  )
  const box = element('div', 'plot-canvas')
  // Screen readers read the text of the figure instead of the canvas.
  box.setAttribute('aria-hidden', 'true')
  const head = element(
    'figcaption',
    'plot-head',
    element('span', 'plot-title', plot.title),
    element('span', 'plot-values', ...names),
  )
  const node = element('figure', 'plot', head, box)
  let shown = new History()

  const textsAt = (index: number) => {
    const figures = shown.figures[index] ?? null
    return plot.series.map(({ value }) => {
      const number = figures === null ? null : value(figures)
      return number === null ? NOTHING : plot.format(number)
    })
  }
  const say = (index: number | null) => {
    const texts = textsAt(index ?? shown.figures.length - 1)
    for (const [series, text] of texts.entries()) values[series]?.replaceChildren(text)
  }
  const range = () => shown.window(Date.now() / 1_000)
  const chart = new uPlot(optionsOf(plot, { say, range }), undefined, box)
  new ResizeObserver(() => chart.setSize({ width: box.clientWidth, height: HEIGHT_PX })).observe(box)

  return {
    node,
    redraw: () => chart.redraw(),
    show(history) {
      shown = history
      const lines = plot.series.map(({ value }) =>
        history.figures.map((figures) => (figures === null ? null : value(figures))),
      )
      chart.setData([history.times, ...lines])
      say(chart.cursor.idx ?? null)
      node.setAttribute('aria-label', describePlot(plot, textsAt(history.figures.length - 1)))
    },
  }
}

/** Callbacks of a chart. */
type Hooks = {
  /** Show the values of the point at `index` as text. If `index` is null, show the latest values. */
  say(index: number | null): void
  /** Return the times at both ends of the plot. */
  range(): [number, number]
}

function optionsOf(plot: Plot, { say, range }: Hooks): uPlot.Options {
  const axis = { stroke: () => color('--muted'), font: '11px system-ui, sans-serif' }
  const grid = { stroke: () => color('--line'), width: 1 }
  return {
    width: 320,
    height: HEIGHT_PX,
    padding: [8, 4, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, sync: { key: 'dashboard' } },
    scales: {
      x: { range },
      // The axis begins at 0. If all values are 0, it ends at 1, so that the line is at the bottom.
      y: { range: (_self, _min, max) => [0, max > 0 ? max * 1.1 : 1] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        ticks: { show: false },
        size: 22,
        gap: 4,
        space: 60,
        incrs: [10, 15, 30, 60, 120],
        values: (_self, splits, _axis, _space, step) => splits.map((time) => formatTime(time, step)),
      },
      {
        ...axis,
        grid,
        ticks: { show: false },
        gap: 4,
        size: (_self, values) => widthOf(values),
        space: 32,
        values: (_self, splits) => splits.map((split) => plot.format(split)),
      },
    ],
    series: [
      {},
      ...plot.series.map(({ name }, index) => {
        const dash = DASHES[index]
        const stroke = () => color(`--series-${index + 1}`)
        const area = index === 0 && { fill: () => color('--accent-soft') }
        return { label: name, stroke, width: 1.75, points: { show: false }, ...(dash && { dash }), ...area }
      }),
    ],
    hooks: { setCursor: [({ cursor }) => say(cursor.idx ?? null)] },
  }
}

/** Width, in pixels, of an axis with the given labels. `labels` is null if there are no values to draw. */
function widthOf(labels: readonly string[] | null): number {
  const longest = Math.max(2, ...(labels ?? []).map((label) => label.length))
  return longest * CHARACTER_PX + 10
}

/** Read a colour of the theme, because a canvas cannot use CSS custom properties. */
function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}
