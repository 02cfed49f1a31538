# Your own targets go here; make help lists those with a text after ##. What came with the starter is in scripts/make.mk.
# A target that has two colons there, such as test::, can get further commands here.
include scripts/make.mk
