# Put targets of your own here. make help lists a target with its text after ##. Those of the starter are in
# scripts/make.mk. If one of them has two colons, such as test::, you can add commands to it here.
include scripts/make.mk
