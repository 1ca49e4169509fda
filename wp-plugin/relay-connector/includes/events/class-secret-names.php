<?php
/**
 * Names of fields that ask for a secret.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * The one list of such names: passwords, payment cards and bank accounts, in the languages that most forms have. A field's
 * name is its id, such as "user_pwd", or the label that people read.
 */
final class Secret_Names {

	/**
	 * Words that mean a secret in any part of a name.
	 */
	const PARTS = '/pass(word|wort|code|wd|phrase)|passord|kennwort|mot[-_ ]?de[-_ ]?passe|contrase(ñ|n\x{0303}?)?a|wachtwoord|l(ö|o)senord|adgangskode|salasana|парол|(credit|debit|payment)[-_ ]*card|kredit[-_ ]?karte|karten[-_ ]?nummer|carte[-_ ](bancaire|de[-_ ]cr[eé]dit)|tarjeta[-_ ]de[-_ ]cr[eé]dito|carta[-_ ]di[-_ ]credito|cvc|cvv|bank[-_ ]*(account|details)|konto[-_ ]?(nummer|nr)|bankverbindung|bankleitzahl|social[-_ ]*security|security[-_ ]*code/iu';

	/**
	 * Words that mean a secret only as a word of their own: "pin" is not in "shipping", and "PIN code" is the postal code in
	 * India.
	 */
	const WORDS = '/(?<!\pL)(pwd|pswd|psw|pw|pin(?![-_ ]*code)|otp|mdp|senha|has[lł]o|heslo|jelsz[oó]|[sş]ifre|(card|account|routing|cc)[-_ ]*(number|num|no|nr|holder|expiry|exp)|sort[-_ ]?code|konto(?![-_ ]*(name|typ|art|inhaber|betreuer|manager))|kto|blz|iban|bic|ssn|num[eé]ro[-_ ]de[-_ ](la[-_ ])?(carte|compte|tarjeta|cuenta))(?!\pL)|^((user|your|my)[-_ ]?)?pass[-_ ]?[0-9]*$/iu';

	/**
	 * Whether a name asks for a secret.
	 *
	 * @param string $name The id or label of a field.
	 * @return bool
	 */
	public static function matches( $name ) {
		$name = (string) wp_check_invalid_utf8( (string) $name, true );
		// "userPwd" has two words.
		$name = (string) preg_replace( '/(?<=\p{Ll})(?=\p{Lu})/u', '_', $name );
		return 1 === preg_match( self::PARTS, $name ) || 1 === preg_match( self::WORDS, $name );
	}
}
