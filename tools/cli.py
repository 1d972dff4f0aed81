"""placeholder"""
def main() -> int:
    return 0
raise SystemExit(main())
