# Builds build/Release/ipvs.node. Sources, defines and flags are in native/sources.json, shared with test/c.
{
  "targets": [
    {
      "target_name": "ipvs",
      "conditions": [
        ["OS == 'linux'", {
          "sources": [
            "<!@(node -p \"const s = require('./native/sources.json'); [...s.core, ...s.addon].join(' ')\")"
          ],
          "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
          "defines": ["<!@(node -p \"require('./native/sources.json').defines.join(' ')\")"],
          "cflags_cc": ["<!@(node -p \"require('./native/sources.json').cflags.join(' ')\")"]
        }, {
          "type": "none"
        }]
      ]
    }
  ]
}
