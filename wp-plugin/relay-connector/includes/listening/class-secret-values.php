<?php
/**
 * Values that are never recorded.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Listening;

use Relay_Connector\Events\Field_Types;
use Relay_Connector\Events\Secret_Names;

defined( 'ABSPATH' ) || exit;

/**
 * Recognizes passwords, payment cards, bank accounts and security codes by the name of a field, and numbers of cards and
 * bank accounts by their check digits, because nothing else is known about a field of an unknown form.
 */
final class Secret_Values {

	/**
	 * Names that hold a secret in addition to those of Secret_Names. Here a field too much is only one that an admin cannot
	 * select.
	 */
	const NAMES = '/(^|[^a-z])pass(phrase)?[0-9]*($|[^a-z])|secret|nonce|token|csrf|captcha|turnstile|honeypot|signature|card|kreditkarte|iban|account.?(no|number)|^_wp|_wpnonce|referer/i';

	/**
	 * Whether a field with this name holds a secret.
	 *
	 * @param string $name The name.
	 * @return bool
	 */
	public static function is_secret_name( $name ) {
		return Secret_Names::matches( $name ) || 1 === preg_match( self::NAMES, (string) $name ) || Field_Types::is_secret( $name );
	}

	/**
	 * Whether a value is the number of a payment card or of a bank account.
	 *
	 * @param string $value The value.
	 * @return bool
	 */
	public static function is_secret_value( $value ) {
		$plain = strtoupper( (string) preg_replace( '/[\s.-]+/', '', (string) $value ) );
		return 1 === preg_match( '/^[0-9]{13,19}$/', $plain ) ? self::is_card( $plain ) : self::is_iban( $plain );
	}

	/**
	 * Whether the check digit is that of a card number.
	 *
	 * @param string $digits The digits.
	 * @return bool
	 */
	private static function is_card( $digits ) {
		$sum = 0;
		foreach ( array_reverse( str_split( $digits ) ) as $place => $digit ) {
			$digit = (int) $digit * ( $place % 2 + 1 );
			$sum  += $digit > 9 ? $digit - 9 : $digit;
		}
		return 0 === $sum % 10;
	}

	/**
	 * Whether the check digits are those of an IBAN.
	 *
	 * @param string $text Capital letters and digits.
	 * @return bool
	 */
	private static function is_iban( $text ) {
		if ( 1 !== preg_match( '/^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$/', $text ) ) {
			return false;
		}
		$rest = 0;
		foreach ( str_split( substr( $text, 4 ) . substr( $text, 0, 4 ) ) as $one ) {
			$number = ctype_digit( $one ) ? $one : (string) ( ord( $one ) - 55 );
			$rest   = (int) ( $rest . $number ) % 97;
		}
		return 1 === $rest;
	}
}
