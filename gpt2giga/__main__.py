from gpt2giga.cli import main

main(prog_name="gpt2giga")
