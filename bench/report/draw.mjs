// Draws a vega-lite specification as SVG; no browser, no native module.
// SPDX-License-Identifier: MIT
import { parse, View } from 'vega'
import { compile } from 'vega-lite'

const config = {
  background: 'white',
  padding: 12,
  font: 'Helvetica, Arial, sans-serif',
  axis: {
    labelFontSize: 12,
    titleFontSize: 13,
    titleFontWeight: 'normal',
    gridColor: '#e4e4e4',
    titlePadding: 8,
  },
  legend: { labelFontSize: 12, titleFontSize: 13, labelLimit: 300, symbolStrokeWidth: 2 },
  header: { labelFontSize: 13, titleFontSize: 13 },
  title: { fontSize: 15, anchor: 'start', subtitleFontSize: 12, subtitleColor: '#555', offset: 12 },
  view: { stroke: '#bbb' },
}

/** Told apart also by those who do not see red or green (Okabe and Ito's, the yellow made darker). */
export const colours = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#000000',
  '#8c6d31',
]

export async function draw(specification) {
  const { spec } = compile(
    { $schema: 'https://vega.github.io/schema/vega-lite/v6.json', ...specification },
    { config },
  )
  const view = new View(parse(spec), { renderer: 'none' })
  try {
    return `${await view.toSVG()}\n`
  } finally {
    view.finalize()
  }
}
