<?php
/**
 * The fields of a form entry.
 *
 * @package Relay_Connector
 */

namespace Relay_Connector\Events;

defined( 'ABSPATH' ) || exit;

/**
 * Values by label, without fields that are never sent or switched off, within the gateway's size limits.
 */
final class Lead_Fields {

	const LONGEST_VALUE = 10000;
	const MOST_BYTES    = 120000;

	/**
	 * Texts, or lists of texts, by label.
	 *
	 * @var array
	 */
	public $values = array();

	/**
	 * What each value is, by label: the kinds of Field_Types.
	 *
	 * @var string[]
	 */
	public $types = array();

	/**
	 * The parts of names and addresses, by label: texts by the names of Form_Field::NAME_PARTS and ADDRESS_PARTS.
	 *
	 * @var array[]
	 */
	public $parts = array();

	/**
	 * The labels of values that were cut.
	 *
	 * @var string[]
	 */
	public $shortened = array();

	/**
	 * How many fields were left out because the entry is too large.
	 *
	 * @var int
	 */
	public $left_out = 0;

	/**
	 * Whether every consent checkbox is checked; null if the form has none.
	 *
	 * @var bool|null
	 */
	public $consent = null;

	/**
	 * The size of the values and types as JSON, in bytes.
	 *
	 * @var int
	 */
	private $bytes = 0;

	/**
	 * Collects the fields of an entry.
	 *
	 * @param Form_Field[]  $fields  The fields.
	 * @param Event_Choices $choices What the admin has chosen.
	 * @param string        $form    The form, as "plugin:id".
	 */
	public function __construct( array $fields, Event_Choices $choices, $form ) {
		foreach ( $fields as $field ) {
			if ( ! Field_Types::is_sendable( $field->type ) || $field->is_never_sent() ) {
				continue;
			}
			if ( Field_Types::is_consent( $field->type ) ) {
				$this->consent = false !== $this->consent && $field->is_checked();
			}
			if ( ! $choices->sends_form_field( $form, $field->key ) ) {
				continue;
			}
			$value = $field->sent_value();
			if ( ! $choices->sends( $form, $field ) ) {
				if ( $value ) {
					Sensitive_Fields::record( $form, $field->label );
				}
				continue;
			}
			if ( Field_Types::FILE === $field->kind && ( ! $value || ! $choices->sends_field( Leads::SLUG, Leads::FILES ) ) ) {
				continue;
			}
			$label = $this->add( $field->label, $field->sent_kind(), $value );
			$this->add_parts( $label, $field->named_parts );
			foreach ( $field->parts as $part ) {
				$this->add( $part['label'], $part['kind'], $part['value'] );
			}
		}
	}

	/**
	 * Adds a value, cut to the remaining size.
	 *
	 * @param string          $label The label.
	 * @param string          $kind  The kind.
	 * @param string|string[] $value The value.
	 * @return string The label under which it was added, '' if there is no space.
	 */
	private function add( $label, $kind, $value ) {
		$label = $this->unused( $label );
		// The label is sent twice: with the value and with the type.
		$space = self::MOST_BYTES - $this->bytes - 2 * self::size( $label ) - self::size( $kind );
		if ( $space < 100 ) {
			++$this->left_out;
			return '';
		}
		$short = is_array( $value ) ? self::shorten_list( $value, $space ) : self::shorten( $value, $space );
		if ( $short !== $value ) {
			$this->shortened[] = $label;
		}
		$this->values[ $label ] = $short;
		$this->types[ $label ]  = $kind;
		$this->bytes           += 2 * self::size( $label ) + self::size( $kind ) + self::size( $short );
		return $label;
	}

	/**
	 * Adds the parts of a value, if there is space for all of them.
	 *
	 * @param string   $label The label of the value.
	 * @param string[] $parts By name.
	 */
	private function add_parts( $label, array $parts ) {
		$size = self::size( $label ) + self::size( $parts );
		if ( '' !== $label && $parts && $this->bytes + $size <= self::MOST_BYTES ) {
			$this->parts[ $label ] = $parts;
			$this->bytes          += $size;
		}
	}

	/**
	 * A text that fits.
	 *
	 * @param string $text  The text.
	 * @param int    $space In bytes.
	 * @return string
	 */
	private static function shorten( $text, $space ) {
		$short = Text::cut( $text, self::LONGEST_VALUE );
		while ( self::size( $short ) > $space ) {
			$short = Text::cut( $short, (int) ( mb_strlen( $short, 'UTF-8' ) / 2 ) );
		}
		return $short;
	}

	/**
	 * A list that fits, without its last texts if it is too long.
	 *
	 * @param string[] $list  The list.
	 * @param int      $space In bytes.
	 * @return string[]
	 */
	private static function shorten_list( array $list, $space ) {
		$short = array();
		foreach ( $list as $text ) {
			$longer = array_merge( $short, array( Text::cut( $text, self::LONGEST_VALUE ) ) );
			if ( mb_strlen( implode( '', $longer ), 'UTF-8' ) > self::LONGEST_VALUE || self::size( $longer ) > $space ) {
				break;
			}
			$short = $longer;
		}
		return $short;
	}

	/**
	 * The label, with a number if an earlier field has the same one.
	 *
	 * @param string $label The label.
	 * @return string
	 */
	private function unused( $label ) {
		$free  = $label;
		$count = 1;
		while ( isset( $this->values[ $free ] ) ) {
			++$count;
			$free = $label . ' (' . $count . ')';
		}
		return $free;
	}

	/**
	 * The size of a text or a list as JSON, in bytes.
	 *
	 * @param string|int|string[] $value The text or the list.
	 * @return int
	 */
	private static function size( $value ) {
		return strlen( (string) wp_json_encode( is_array( $value ) ? $value : (string) $value ) );
	}
}
