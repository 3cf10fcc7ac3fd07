# Builds native/build/Release/ipvs.node. Sources, defines and flags are in sources.json, which CMake and test/c read too.
# Not at the top of the package: there npm would build it on installation, or warn that it must not.
{
  "targets": [
    {
      "target_name": "ipvs",
      "conditions": [
        ["OS == 'linux'", {
          "sources": [
            "<!@(node -p \"const s = require('./sources.json'); [...s.core, ...s.addon].map(f => path.relative('native', f)).join(' ')\")"
          ],
          "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
          "defines": ["<!@(node -p \"require('./sources.json').defines.join(' ')\")"],
          # Makes open() the open64() that musl has dropped; without meaning on 64 bits.
          "defines!": ["_FILE_OFFSET_BITS=64"],
          "cflags_cc": ["<!@(node -p \"require('./sources.json').cflags.join(' ')\")"],
          "ldflags": ["<!@(node -p \"require('./sources.json').ldflags.join(' ')\")", "-Wl,--version-script=<(module_root_dir)/exports.map"],
          "libraries": ["<!@(node -p \"require('./sources.json').libraries.join(' ')\")"]
        }, {
          "type": "none"
        }]
      ]
    }
  ]
}
